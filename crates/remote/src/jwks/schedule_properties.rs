//! Properties of the schedule, for every order of events.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use super::{
    schedule::{ATTEMPT_LIMIT, Action, COOLDOWN, Demand, FLOOR, Freshness, Jitter},
    schedule_play::{Event, Play, Step, jitter, seconds, steps, timing},
};

/// The longest pause after a failure, and the longest `Retry-After` that is honoured, each with a tenth
/// of jitter.
const LONGEST_PAUSE: Duration = Duration::from_secs(66);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(330);

proptest! {
    #[test]
    fn d3_strangers_never_start_two_attempts_within_a_cooldown(timing in timing(), steps in steps()) {
        let starts: Vec<_> = Play::of(timing, &steps).starts(Demand::Stranger).collect();
        for pair in starts.windows(2) {
            prop_assert!(pair[1] - pair[0] >= COOLDOWN, "{pair:?}");
        }
    }

    #[test]
    fn d3_strangers_start_nothing_while_the_issuer_asked_for_a_pause(timing in timing(), steps in steps()) {
        for (end, pause, cause) in Play::of(timing, &steps).pauses() {
            if let (Event::Failed { asked, .. }, Demand::Stranger) = (end, cause) {
                prop_assert!(pause >= asked.max(COOLDOWN), "{pause:?} {asked:?}");
            }
        }
    }

    #[test]
    fn upkeep_keeps_its_budget_whatever_the_answers(timing in timing(), steps in steps()) {
        let least_life = timing.ceiling.min(FLOOR);
        let renewal = if timing.explicit {
            timing.ceiling * 8 / 10
        } else {
            // Where nothing is served beyond its life, a little earlier.
            least_life.min(least_life.max(timing.stale_limit) / 5 * 4)
        };
        for (end, pause, cause) in Play::of(timing, &steps).pauses() {
            let least = match end {
                Event::Succeeded { age: Duration::ZERO } => renewal,
                // An answer that is old already, or older than what is held, is no reason to hurry.
                Event::Succeeded { .. } => renewal.min(COOLDOWN),
                Event::Failed { held: true, asked } => asked.max(COOLDOWN),
                Event::Failed { held: false, asked } => asked.max(Duration::from_secs(1)),
                Event::Recalled => Duration::ZERO,
                Event::Started(_) => unreachable!("no end"),
            };
            prop_assert!(cause != Demand::Upkeep || pause >= least, "{end:?} {pause:?} {least:?}");
        }
    }

    #[test]
    fn a_set_is_served_until_its_limit_and_no_longer(timing in timing(), steps in steps()) {
        let mut play = Play::new(timing);
        for step in &steps {
            play.play(step);
            let servable = play.held.is_some_and(|(_, until)| play.now <= until);
            prop_assert_eq!(play.schedule.may_serve(play.now), servable);
            prop_assert_eq!(play.schedule.serve_until(), play.held.map(|(_, until)| until));
            prop_assert_eq!(play.schedule.age(play.now), play.held.map(|(confirmed, _)| play.now - confirmed));
        }
    }

    #[test]
    fn d7_what_is_held_never_becomes_older(timing in timing(), steps in steps()) {
        let mut play = Play::new(timing);
        let mut newest = None;
        for step in &steps {
            play.play(step);
            let confirmed = play.schedule.age(play.now).map(|age| play.now - age);
            prop_assert!(confirmed >= newest, "{confirmed:?} {newest:?}");
            newest = confirmed;
        }
    }

    #[test]
    fn strangers_cannot_make_upkeep_later(timing in timing(), steps in steps(), strangers in vec(seconds(0..20), 0..50)) {
        let mut play = Play::of(timing, &steps);
        let before = play.schedule.upkeep_at();
        for pause in strangers {
            play.now += pause;
            play.demand(Demand::Stranger, true);
        }
        prop_assert_eq!(play.schedule.upkeep_at(), before);
        // Even an attempt that never ends is given up, and upkeep goes on.
        play.now = play.now.max(before) + ATTEMPT_LIMIT;
        play.current = None;
        prop_assert!(matches!(play.schedule.demand(play.now, Demand::Upkeep, |_| false), Action::Fetch(_)));
    }

    /// Five minutes after the last word of the issuer while all is well; after failures a pause that grows
    /// to a minute, or what the issuer asked for.
    #[test]
    fn r4_upkeep_is_never_far_off(timing in timing(), steps in steps()) {
        let mut play = Play::new(timing);
        for step in &steps {
            play.play(step);
            prop_assert!(play.schedule.upkeep_at() <= play.latest_upkeep().max(play.now));
        }
    }

    #[test]
    fn recovery_is_noticed_within_the_longest_pause(timing in timing(), steps in steps(), strangers in vec((seconds(0..20), jitter()), 0..50)) {
        let mut play = Play::of(timing, &steps);
        play.now += LONGEST_RETRY_AFTER;
        for (pause, jitter) in strangers {
            play.now += pause;
            play.demand(Demand::Stranger, true);
            play.fail(None, jitter);
        }
        let due = play.held.map_or(Duration::ZERO, |_| play.schedule.upkeep_at());
        let back = play.now;
        play.play(&Step::Timer);
        prop_assert!(play.now <= back + LONGEST_PAUSE || play.now == due, "{:?}", play.now - back);
        play.succeed(Freshness::default(), Jitter(0));
        prop_assert!(play.schedule.may_serve(play.now));
    }
}
