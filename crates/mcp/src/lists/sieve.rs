//! What one reader may see of an answer.

use std::ops::Range;

use serde_json::{Value, value::RawValue};

use super::{
    ListKind, Unreadable,
    cut::Cuts,
    pick::{elements, members, place},
};

/// Who decides what is shown.
pub(crate) trait Shows {
    /// Whether lists of this kind may hold anything that some reader may not know of; others are left alone.
    fn hides(&self, kind: ListKind) -> bool;

    /// Whether the reader may know of the item with this name, URI or URI template.
    fn shows(&self, kind: ListKind, name: &str) -> bool;

    /// Takes notice of a tool, shown or not: its name, and the JSON object that it is.
    fn notice(&self, tool: &str, definition: &str);
}

/// The members of a JSON-RPC message that make it a response.
const MESSAGE: &[&str; 3] = &["id", "result", "error"];
/// The members of a result that matter; the lists first, in the order of [`ListKind::ALL`].
const RESULT: &[&str; 5] = &[
    ListKind::Tools.member(),
    ListKind::Prompts.member(),
    ListKind::Resources.member(),
    ListKind::ResourceTemplates.member(),
    "cacheScope",
];
const PRIVATE: &str = "\"private\"";

/// Takes out of lists what their reader may not use.
#[derive(Debug)]
pub(crate) struct Sieve<S> {
    shows: S,
    /// The requests beside the lists, whose results are nobody's list whatever they look like.
    others: Vec<Value>,
    adds_cache_scope: bool,
}

impl<S: Shows> Sieve<S> {
    /// Takes every result for a list that has the shape of one.
    pub(crate) fn new(shows: S) -> Self {
        Self {
            shows,
            others: Vec::new(),
            adds_cache_scope: false,
        }
    }

    /// Leaves the results alone that answer these requests.
    pub(crate) fn except(mut self, others: Vec<Value>) -> Self {
        self.others = others;
        self
    }

    /// Writes `cacheScope` even where the server left it out: since 2026-07-28 every list has one.
    pub(crate) fn adding_cache_scope(mut self, adds: bool) -> Self {
        self.adds_cache_scope = adds;
        self
    }

    /// One message as the reader may see it; nothing when it may be seen as it is.
    pub(crate) fn message(&self, text: &str) -> Result<Option<String>, Unreadable> {
        let mut cuts = Cuts::default();
        self.look_at(text, text, &mut cuts)?;
        Ok(cuts.apply(text))
    }

    /// The messages of a batch as the reader may see them; nothing when they may be seen as they are.
    pub(crate) fn batch(&self, text: &str) -> Result<Option<String>, Unreadable> {
        let mut cuts = Cuts::default();
        elements(text, |message| self.look_at(text, message.get(), &mut cuts))?;
        Ok(cuts.apply(text))
    }

    fn look_at(&self, whole: &str, message: &str, cuts: &mut Cuts) -> Result<(), Unreadable> {
        let [id, result, _] = members(message, MESSAGE)?;
        match result {
            Some(result) if !self.is_of_another(id) => self
                .sift(whole, result, cuts)
                .map_err(|unreadable| unreadable.answering(id)),
            _ => Ok(()),
        }
    }

    fn is_of_another(&self, id: Option<&RawValue>) -> bool {
        let id = id.and_then(|id| serde_json::from_str(id.get()).ok());
        id.is_some_and(|id: Value| self.others.contains(&id))
    }

    fn sift(&self, whole: &str, result: &RawValue, cuts: &mut Cuts) -> Result<(), Unreadable> {
        let [lists @ .., cache_scope] = members(result.get(), RESULT)?;
        let mut is_list = false;
        for (kind, list) in ListKind::ALL.into_iter().zip(lists) {
            if let Some(list) = list.filter(|_| self.shows.hides(kind)) {
                is_list = true;
                self.sift_list(kind, whole, list, cuts)?;
            }
        }
        if is_list {
            self.make_private(whole, result, cache_scope, cuts)?;
        }
        Ok(())
    }

    /// `null` is how some servers write a list without items.
    fn sift_list(
        &self,
        kind: ListKind,
        whole: &str,
        list: &RawValue,
        cuts: &mut Cuts,
    ) -> Result<(), Unreadable> {
        if list.get() == "null" {
            return Ok(());
        }
        let mut removal = Removal::default();
        elements(list.get(), |item| {
            let shown = self.is_shown(kind, item)?;
            removal.pass(place(whole, item)?, shown, cuts);
            Ok(())
        })
    }

    /// An item without a name cannot be asked for, nor one whose name no request may carry.
    fn is_shown(&self, kind: ListKind, item: &RawValue) -> Result<bool, Unreadable> {
        if !item.get().starts_with('{') {
            return Ok(false);
        }
        let [name] = members(item.get(), kind.name())?;
        let name = name.and_then(|name| serde_json::from_str::<String>(name.get()).ok());
        let Some(name) = name.filter(|name| !name.contains('\0')) else {
            return Ok(false);
        };
        if kind == ListKind::Tools {
            self.shows.notice(&name, item.get());
        }
        Ok(self.shows.shows(kind, &name))
    }

    /// Whether something was taken out or not: all pages of a list have the same scope.
    fn make_private(
        &self,
        whole: &str,
        result: &RawValue,
        cache_scope: Option<&RawValue>,
        cuts: &mut Cuts,
    ) -> Result<(), Unreadable> {
        match cache_scope {
            Some(scope) if scope.get() == PRIVATE => {}
            Some(scope) => cuts.replace(place(whole, scope)?, PRIVATE),
            None if self.adds_cache_scope => {
                let end = end_of_last_member(whole, result)?;
                cuts.replace(end..end, ",\"cacheScope\":\"private\"");
            }
            None => {}
        }
        Ok(())
    }
}

/// Whether any of the messages in this text, one or a batch, has a result.
pub(crate) fn has_result(text: &str) -> Result<bool, Unreadable> {
    let mut found = false;
    let mut look_at = |message: &str| {
        let [_, result, _] = members(message, MESSAGE)?;
        found |= result.is_some();
        Ok(())
    };
    if is_batch(text) {
        elements(text, |message| look_at(message.get()))?;
    } else {
        look_at(text)?;
    }
    Ok(found)
}

/// Whether this JSON text is an array.
pub(crate) fn is_batch(text: &str) -> bool {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
        .starts_with('[')
}

/// The object has at least one member.
fn end_of_last_member(whole: &str, object: &RawValue) -> Result<usize, Unreadable> {
    let start = place(whole, object)?.start;
    let inside = object.get().strip_suffix('}').unwrap_or_default();
    Ok(start + inside.trim_end().len())
}

/// Takes items out of an array together with the commas that are no longer needed.
#[derive(Debug, Default)]
struct Removal {
    previous: Option<Range<usize>>,
    keeps_any: bool,
}

impl Removal {
    fn pass(&mut self, item: Range<usize>, keep: bool, cuts: &mut Cuts) {
        let end = self.previous.replace(item.clone()).map(|item| item.end);
        match (end, keep) {
            // Everything so far is gone, and so is the comma behind it.
            (Some(end), true) if !self.keeps_any => cuts.remove(end..item.start),
            (Some(end), false) => cuts.remove(end..item.end),
            (None, false) => cuts.remove(item),
            (_, true) => {}
        }
        self.keeps_any |= keep;
    }
}
