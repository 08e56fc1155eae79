//! The sections that issuers are read from.

use super::{
    env::{Level, VARIABLES},
    given::Mistakes,
    section::Section,
};

/// The sections that describe a resource's issuers: its own, or those given one by one.
pub(super) fn sections<'a>(resource: &'a Section, mistakes: &mut Mistakes) -> Vec<&'a Section> {
    if resource.issuers.is_empty() {
        return vec![resource];
    }
    for variable in VARIABLES
        .iter()
        .filter(|variable| variable.level == Level::Issuer && variable.key != "region")
    {
        if let Some(given) = resource.values.get(variable.key) {
            let problem = format!(
                "it does not say which of the {} [[resource.issuer]] it means",
                resource.issuers.len()
            );
            mistakes.add(
                given.label(),
                None,
                problem,
                format!("`{}` below one `[[resource.issuer]]`", variable.key),
            );
        }
    }
    resource.issuers.iter().collect()
}
