//! One message, judged as a whole once it is read.

use serde_json::{Number, Value};

use super::{
    Arguments, Flaw, Object, Operation, Payload, Unreadable, operation::looks_like, value::Slot,
};

/// How long an `id` may be, in bytes.
pub const MAX_ID_BYTES: usize = 1024;
/// How many resources the `subscriptions/listen` of one body may watch.
pub const MAX_SUBSCRIPTIONS: usize = 1024;
/// How long a method may be, in bytes.
const MAX_METHOD_BYTES: usize = 256;
/// The largest integer that every reader tells from its neighbours.
const LARGEST_ID: u64 = (1 << 53) - 1;

/// One message: a request or notification (with operations), or a response (without).
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    id: Option<Value>,
    operations: Vec<Operation>,
    protocol_version: Option<String>,
}

impl Message {
    /// The request's `id`: a string or an integer.
    #[must_use]
    pub fn id(&self) -> Option<&Value> {
        self.id.as_ref()
    }

    /// What it asks for: one operation, one for each resource of `subscriptions/listen`, none for a
    /// response.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The method of a request or notification.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.operations
            .first()
            .map(|operation| operation.method.as_str())
    }

    /// Whether it answers a request of the server's (legacy revisions).
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.operations.is_empty()
    }

    /// Whether it asks for a list of tools, prompts, resources or templates.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.operations.iter().any(Operation::is_list)
    }

    /// The revision that `params._meta` names (since 2026-07-28).
    #[must_use]
    pub fn protocol_version(&self) -> Option<&str> {
        self.protocol_version.as_deref()
    }
}

/// The members of a message, as they were read.
#[derive(Debug, Default)]
pub(super) struct ReadMessage {
    pub(super) jsonrpc: Slot,
    pub(super) id: Slot,
    pub(super) method: Slot,
    pub(super) params: Params,
    pub(super) has_result: bool,
    pub(super) has_error: bool,
}

/// What `params` says about the operation.
#[derive(Debug, Default)]
pub(super) struct Params {
    pub(super) name: Slot,
    pub(super) uri: Slot,
    pub(super) arguments: ReadArguments,
    pub(super) reference: Reference,
    pub(super) subscriptions: Subscriptions,
    pub(super) protocol_version: Slot,
    pub(super) is_array: bool,
}

/// `params.arguments`, as far as it is wanted.
#[derive(Debug)]
pub(super) struct ReadArguments(pub(super) Option<Arguments>);

impl Default for ReadArguments {
    fn default() -> Self {
        Self(Some(Arguments::default()))
    }
}

/// `params.ref` of `completion/complete`.
#[derive(Debug, Default)]
pub(super) struct Reference {
    pub(super) kind: Slot,
    pub(super) name: Slot,
    pub(super) uri: Slot,
}

/// `params.notifications.resourceSubscriptions`.
#[derive(Debug)]
pub(super) enum Subscriptions {
    Uris(Vec<String>),
    TooMany,
    /// Not a list of strings.
    Other,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self::Uris(Vec::new())
    }
}

/// The whole body, or what is wrong with it.
pub(super) fn judge(bodies: Bodies) -> Result<Payload, Unreadable> {
    match bodies {
        Bodies::Single(members) => {
            let id = members.id.clone();
            let told = |flaw| Unreadable::invalid(flaw, readable_id(id).unwrap_or_default());
            Ok(Payload::Single(message(*members).map_err(told)?))
        }
        Bodies::Batch(bodies) => batch(bodies).map_err(|flaw| Unreadable::invalid(flaw, None)),
    }
}

/// One message's members, or those of each message of a batch.
pub(super) enum Bodies {
    Single(Box<ReadMessage>),
    Batch(Vec<ReadMessage>),
}

fn batch(bodies: Vec<ReadMessage>) -> Result<Payload, Flaw> {
    if bodies.is_empty() {
        return Err(Flaw::EmptyBatch);
    }
    let messages: Vec<_> = bodies.into_iter().map(message).collect::<Result<_, _>>()?;
    let mut ids: Vec<_> = messages
        .iter()
        .filter(|message| !message.is_response())
        .filter_map(|message| message.id().map(plain))
        .collect();
    ids.sort_unstable();
    if ids
        .windows(2)
        .any(|pair| matches!(pair, [one, other] if one == other))
    {
        return Err(Flaw::RepeatedId);
    }
    Ok(Payload::Batch(messages))
}

/// An `id` as a reader writes it that keeps all of them as text: `1` and `"1"` are one.
fn plain(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn message(members: ReadMessage) -> Result<Message, Flaw> {
    match &members.jsonrpc {
        Slot::Text(version) if version == "2.0" => {}
        _ => return Err(Flaw::Version),
    }
    match (&members.method, members.has_result, members.has_error) {
        (Slot::Absent, true, false) | (Slot::Absent, false, true) => response(members),
        (Slot::Absent, _, _) => Err(Flaw::Nothing),
        (_, false, false) => request(members),
        _ => Err(Flaw::RequestAndResponse),
    }
}

/// JSON-RPC 2.0 §5: an error's `id` is null where the request's could not be read; MCP 2026-07-28 leaves
/// it out.
fn response(members: ReadMessage) -> Result<Message, Flaw> {
    let id = match members.id {
        Slot::Absent | Slot::Null if members.has_error => None,
        Slot::Absent => return Err(Flaw::Id),
        id => readable_id(id)?,
    };
    Ok(Message {
        id,
        operations: Vec::new(),
        protocol_version: None,
    })
}

fn request(members: ReadMessage) -> Result<Message, Flaw> {
    let id = readable_id(members.id)?;
    let Slot::Text(method) = members.method else {
        return Err(Flaw::Method);
    };
    if !is_plain_method(&method) {
        return Err(Flaw::Method);
    }
    let mut params = members.params;
    if params.is_array {
        return Err(Flaw::Params);
    }
    let protocol_version = match std::mem::take(&mut params.protocol_version) {
        Slot::Absent => None,
        Slot::Text(version) => Some(version),
        _ => return Err(Flaw::ProtocolVersion),
    };
    Ok(Message {
        id,
        operations: operations(method, params)?,
        protocol_version,
    })
}

/// Visible ASCII, and no misspelt method of MCP.
pub(crate) fn is_plain_method(method: &str) -> bool {
    (1..=MAX_METHOD_BYTES).contains(&method.len())
        && method.bytes().all(|letter| letter.is_ascii_graphic())
        && looks_like(method).is_none()
}

/// A string or an integer, as MCP demands; a fraction, a `null` or an integer beyond 2⁵³ is read, echoed and
/// told apart differently by different servers.
fn readable_id(id: Slot) -> Result<Option<Value>, Flaw> {
    match id {
        Slot::Absent => Ok(None),
        Slot::Text(id) if id.len() <= MAX_ID_BYTES => Ok(Some(id.into())),
        Slot::Number(id) if is_plain_integer(&id) => Ok(Some(id.into())),
        _ => Err(Flaw::Id),
    }
}

fn is_plain_integer(number: &Number) -> bool {
    let magnitude = match (number.as_u64(), number.as_i64()) {
        (Some(positive), _) => positive,
        (None, Some(negative)) => negative.unsigned_abs(),
        (None, None) => return false,
    };
    magnitude <= LARGEST_ID
}

fn operations(method: String, params: Params) -> Result<Vec<Operation>, Flaw> {
    let Params { name, uri, .. } = params;
    let one = |object| vec![Operation::new(&*method).on(object)];
    match method.as_str() {
        Operation::TOOLS_CALL => called(&method, Object::tool(text(name)?), params.arguments),
        Operation::PROMPTS_GET => called(&method, Object::prompt(text(name)?), params.arguments),
        Operation::RESOURCES_READ => text(uri).map(Object::resource).map(one),
        Operation::RESOURCES_SUBSCRIBE | Operation::RESOURCES_UNSUBSCRIBE => watched(&method, uri),
        Operation::COMPLETION_COMPLETE => referred(params.reference).map(one),
        Operation::SUBSCRIPTIONS_LISTEN => listened(&method, params.subscriptions),
        _ => Ok(vec![Operation::new(method)]),
    }
}

fn text(slot: Slot) -> Result<String, Flaw> {
    match slot {
        Slot::Text(text) => Ok(text),
        _ => Err(Flaw::Object),
    }
}

fn called(method: &str, object: Object, arguments: ReadArguments) -> Result<Vec<Operation>, Flaw> {
    let arguments = arguments.0.ok_or(Flaw::Arguments)?;
    Ok(vec![Operation::new(method).on(object).with(arguments)])
}

fn referred(reference: Reference) -> Result<Object, Flaw> {
    match text(reference.kind)?.as_str() {
        "ref/prompt" => text(reference.name).map(Object::prompt),
        "ref/resource" => text(reference.uri).map(Object::resource),
        _ => Err(Flaw::Object),
    }
}

/// Gone since 2026-07-28: without a URI it is for the server to say that it knows the method no more.
fn watched(method: &str, uri: Slot) -> Result<Vec<Operation>, Flaw> {
    let operation = Operation::new(method);
    match uri {
        Slot::Absent => Ok(vec![operation]),
        uri => Ok(vec![operation.on(Object::resource(text(uri)?))]),
    }
}

fn listened(method: &str, subscriptions: Subscriptions) -> Result<Vec<Operation>, Flaw> {
    let Subscriptions::Uris(uris) = subscriptions else {
        return Err(Flaw::Subscriptions);
    };
    if uris.is_empty() {
        return Ok(vec![Operation::new(method)]);
    }
    let watch = |uri| Operation::new(method).on(Object::resource(uri));
    Ok(uris.into_iter().map(watch).collect())
}
