//! A claim that must have one of some values.

use serde_json::Value;

use crate::{Caller, SettingError, claims::ClaimPointer, json::same_scalar};

/// A claim that must have one of these values; of an array, one element must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClaimDemand {
    claim: ClaimPointer,
    values: Vec<Value>,
}

impl ClaimDemand {
    pub(super) fn new(claim: ClaimPointer, values: Vec<Value>) -> Result<Self, SettingError> {
        if values.is_empty() || !values.iter().all(is_scalar) {
            return Err(SettingError::new(
                format!("the claim {claim} can have none of these values"),
                "at least one string, number or truth value, for example [\"finance\", \"legal\"]",
            ));
        }
        Ok(Self { claim, values })
    }

    pub(super) fn claim(&self) -> &ClaimPointer {
        &self.claim
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    /// Whether the caller's claim has one of the values.
    pub(super) fn is_met(&self, caller: &Caller<'_>) -> bool {
        let found = self.claim.find(caller.claims());
        found.is_some_and(|found| elements(found).iter().any(|value| self.lists(value)))
    }

    /// Whether it has, or has a value that cannot be compared with these: one of another JSON type, or one
    /// that the issuer keeps elsewhere.
    pub(super) fn could_be_met(&self, caller: &Caller<'_>) -> bool {
        let found = self.claim.find(caller.claims());
        let could = |value: &Value| self.lists(value) || !self.is_comparable(value);
        self.is_elsewhere(caller) || found.is_some_and(|found| elements(found).iter().any(could))
    }

    /// Whether the token only points to the claim (OpenID Connect Core §5.6.2), as Entra's does to groups
    /// that are too many for it.
    fn is_elsewhere(&self, caller: &Caller<'_>) -> bool {
        let names = caller.claims().get("_claim_names");
        names
            .and_then(Value::as_object)
            .is_some_and(|names| names.contains_key(self.claim.top()))
    }

    fn lists(&self, value: &Value) -> bool {
        self.values.iter().any(|listed| same_scalar(listed, value))
    }

    fn is_comparable(&self, value: &Value) -> bool {
        let kind = std::mem::discriminant(value);
        self.values
            .iter()
            .any(|listed| std::mem::discriminant(listed) == kind)
    }
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        one => std::slice::from_ref(one),
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}
