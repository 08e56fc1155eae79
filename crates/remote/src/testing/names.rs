//! Names whose addresses a test decides.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use futures_util::{FutureExt, future::BoxFuture};

use crate::http::Lookup;

/// Answers as scripted, one after the other; the last one repeats. Other names do not exist.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScriptedNames(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    names: HashMap<String, Vec<Vec<IpAddr>>>,
    asked: Vec<String>,
}

impl ScriptedNames {
    /// What the name resolves to, once for each list.
    pub(crate) fn with(self, name: &str, answers: &[&[&str]]) -> Self {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        let answers = answers.iter().map(parse).collect();
        self.0
            .lock()
            .unwrap()
            .names
            .insert(name.to_owned(), answers);
        self
    }

    /// The names that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }
}

impl Lookup for ScriptedNames {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut script = self.0.lock().unwrap();
        script.asked.push(host.clone());
        let answer = match script.names.get_mut(&host) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers.first().cloned().unwrap_or_default()),
            None => Err(io::Error::other("no such name")),
        };
        async move { answer }.boxed()
    }
}
