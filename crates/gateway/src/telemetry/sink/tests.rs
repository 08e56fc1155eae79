use std::sync::mpsc;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// A reader that takes nothing until it is allowed to, a piece each time.
struct Reader {
    allowed: mpsc::Receiver<usize>,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.allowed.recv() {
            Ok(0) => Err(io::Error::other("the disk is full")),
            Ok(most) => self.take(bytes, most),
            // Everything is allowed from now on.
            Err(_) => self.take(bytes, usize::MAX),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reader {
    fn take(&mut self, bytes: &[u8], most: usize) -> io::Result<usize> {
        let taken = &bytes[..bytes.len().min(most)];
        self.taken.lock().unwrap().write(taken)
    }
}

/// A sink, what it wrote, and who allows that.
struct Setup {
    sink: Sink,
    taken: Arc<Mutex<Vec<u8>>>,
    allow: mpsc::Sender<usize>,
    told: mpsc::Receiver<u64>,
}

impl Setup {
    fn new() -> Self {
        let (allow, allowed) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let taken = Arc::default();
        let reader = Reader {
            allowed,
            taken: Arc::clone(&taken),
        };
        Self {
            sink: Sink::telling(move |dropped| tell.send(dropped).unwrap(), reader).unwrap(),
            taken,
            allow,
            told,
        }
    }

    /// What was written when nothing waits any more.
    fn everything(&mut self) -> String {
        self.allow = mpsc::channel().0;
        self.sink.flush(PATIENCE);
        String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn lines_of_many_threads_come_out_whole_and_each_threads_in_order() {
    let mut setup = Setup::new();
    thread::scope(|scope| {
        for thread in 0..4 {
            let sink = &setup.sink;
            scope.spawn(move || {
                for number in 0..5_000 {
                    sink.leave(format!("{thread} {number}\n").as_bytes());
                }
            });
        }
    });
    let text = setup.everything();
    for thread in 0..4 {
        let start = format!("{thread} ");
        let numbers = text.lines().filter_map(|line| line.strip_prefix(&start));
        let numbers: Vec<usize> = numbers.map(|number| number.parse().unwrap()).collect();
        assert!(numbers.iter().copied().eq(0..5_000), "{thread}");
    }
    assert_eq!((text.lines().count(), setup.sink.dropped()), (20_000, 0));
}

#[test]
fn a_line_alone_is_written_without_being_asked_for() {
    let mut setup = Setup::new();
    setup.everything();
    for line in ["first\n", "second\n"] {
        setup.sink.leave(line.as_bytes());
        let begun = Instant::now();
        while !setup.taken.lock().unwrap().ends_with(line.as_bytes()) {
            assert!(begun.elapsed() < PATIENCE);
            thread::yield_now();
        }
    }
}

#[test]
fn h3_nobody_waits_for_a_reader_that_does_not_read_and_what_waits_is_bounded() {
    let mut setup = Setup::new();
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    // The writer holds some of them in its hands, and is not given back anything.
    let most = 2 * MOST / line.len();
    for _ in 0..3 * most {
        setup.sink.leave(&line);
    }
    assert!(setup.sink.0.waiting().lines.len() <= MOST);
    let dropped = setup.sink.dropped();
    assert!(dropped >= 2 * most as u64, "{dropped}");
    let written = setup.everything().lines().count() as u64;
    assert_eq!(
        written + dropped,
        3 * most as u64,
        "each is written or counted"
    );
    assert!(setup.sink.0.waiting().lines.capacity() <= MOST);
    let mut told = 0;
    while told < dropped {
        told += setup.told.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(told, dropped, "and told of");
}

#[test]
fn a_flush_ends_when_its_time_is_over() {
    let setup = Setup::new();
    setup.sink.leave(b"never read\n");
    let begun = Instant::now();
    setup.sink.flush(Duration::from_millis(50));
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(50) && took < PATIENCE,
        "{took:?}"
    );
}

#[test]
fn a_flush_with_nothing_to_write_does_not_wait() {
    let setup = Setup::new();
    let begun = Instant::now();
    setup.sink.flush(PATIENCE);
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_spoil_no_others() {
    let mut setup = Setup::new();
    setup.sink.leave(b"torn line\nlost\n");
    for allowed in [4, 0] {
        setup.allow.send(allowed).unwrap();
    }
    setup.sink.flush(PATIENCE);
    assert_eq!(setup.sink.dropped(), 2);
    setup.sink.leave(b"whole\n");
    assert_eq!(setup.everything(), "torn\nwhole\n");
    assert_eq!(setup.told.recv_timeout(PATIENCE), Ok(2));
}

/// A pipe whose other side made it answer at once.
struct Impatient(Arc<Mutex<Vec<u8>>>, usize);

impl Write for Impatient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1 += 1;
        match self.1 % 3 {
            0 => self.0.lock().unwrap().write(&bytes[..1]),
            1 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_pipe_that_does_not_block_gets_every_byte_all_the_same() {
    let taken = Arc::<Mutex<Vec<u8>>>::default();
    let sink = Sink::to(Impatient(Arc::clone(&taken), 0)).unwrap();
    sink.leave(b"all of it\n");
    sink.flush(PATIENCE);
    assert_eq!(*taken.lock().unwrap(), b"all of it\n");
    assert_eq!(sink.dropped(), 0);
}
