//! How the gate reaches authorization servers.

use oauthgate_remote::{Outbound, env as remote, outbound::RedirectHost};

use super::{
    effective::Effective,
    env::Environment,
    given::{Mistakes, Origin, shown},
    reader::Reader,
};

/// What the gate's section says, and the proxy, which only the environment names.
pub(super) fn read(reader: &mut Reader<'_>, environment: Option<&Environment>) -> Outbound {
    let mut outbound = Outbound::default();
    outbound.private_networks = reader.many(
        "private_networks",
        oauthgate_remote::outbound::private_network,
    );
    outbound.redirect_hosts = reader.many("redirect_hosts", RedirectHost::parse);
    outbound.certificate_authorities = reader.one("ca_file", remote::ca_file).unwrap_or_default();
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
