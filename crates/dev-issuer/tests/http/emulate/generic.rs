use oauthgate_dev_issuer::{Algorithm, Changes, Kind};

use super::support::{API, emulate, names, sorted};

#[tokio::test]
async fn tokens_follow_rfc_9068() {
    let it = emulate("generic").await;
    let token = it.token(Kind::User);
    assert_eq!(token.header["typ"], "at+jwt");
    assert_eq!(
        names(&token.claims),
        sorted("aud client_id exp groups iat iss jti scope sub")
    );
    assert_eq!(token.claims["aud"], API);
    let machine = it.token(Kind::Machine).claims;
    assert_eq!(machine["sub"], machine["client_id"]);
    assert_eq!(it.token(Kind::Id).header["typ"], "JWT");
}

#[tokio::test]
async fn every_key_can_sign() {
    let it = emulate("generic").await;
    let keys = it.document("/jwks").await;
    for alg in [
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::EdDsa,
        Algorithm::Es384,
    ] {
        let changes = Changes {
            alg: Some(alg),
            ..Changes::default()
        };
        let token = it.server.issuer.emulated_token(Kind::User, changes);
        let published = alg != Algorithm::Es384;
        assert_eq!(it.verifies(&token, &keys), published, "{alg:?}");
        assert!(it.verifies(&token, &it.document("/jwks").await), "{alg:?}");
    }
}
