//! How the gate reaches authorization servers.

use oauthgate_remote::{Outbound, env as remote};

use super::{
    effective::Effective,
    env::Environment,
    given::{Mistakes, Origin, shown},
    reader::Reader,
};

/// What the gate's section says, and the proxy, which only the environment names.
pub(super) fn read(reader: &mut Reader<'_>, environment: Option<&Environment>) -> Outbound {
    let mut outbound = remote::outbound_settings_from(reader);
    if let Some(environment) = environment {
        read_proxy(
            &mut outbound,
            environment,
            reader.mistakes,
            reader.effective,
        );
    }
    outbound
}

fn read_proxy(
    outbound: &mut Outbound,
    environment: &Environment,
    mistakes: &mut Mistakes,
    effective: &mut Vec<Effective>,
) {
    let mut note = |name: &str, value: String| {
        effective.push(Effective {
            name: name.to_owned(),
            value,
            origin: Origin::Environment,
        });
    };
    match remote::proxy_from(|name| environment.text(name)) {
        Ok(None) => {}
        Ok(Some((name, proxy))) => {
            note(name, proxy.to_string());
            if let Some((name, text)) = remote::no_proxy_from(|name| environment.text(name)) {
                note(name, shown(&text));
            }
            outbound.proxy = Some(proxy);
        }
        Err(mistake) => mistakes.push(mistake),
    }
}
