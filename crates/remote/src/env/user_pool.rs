//! Amazon Cognito user pools, which stand for their issuer.

use oauthgate_core::{Issuer, SettingError};

/// A Cognito user pool: `{region}_{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserPool {
    region: String,
    id: String,
}

impl UserPool {
    /// `USER_POOL_ID`, with `AWS_REGION` if that is set: a pool's id begins with its region, so the
    /// two must agree.
    ///
    /// # Errors
    /// What is wrong with the id, or that the region is another one.
    pub(super) fn parse(id: &str, region: Option<&str>) -> Result<Self, SettingError> {
        let expected = "the pool's id as the console shows it, for example us-east-1_Ab12Cd34E";
        let (prefix, _) = id
            .split_once('_')
            .filter(|(prefix, rest)| is_region(prefix) && is_pool_suffix(rest))
            .ok_or_else(|| SettingError::new("not a user pool id", expected))?;
        match region {
            Some(region) if region != prefix => Err(SettingError::new(
                format!("the pool lies in {prefix}, and AWS_REGION is {region:?}"),
                format!("AWS_REGION={prefix}, or a pool of the other region"),
            )),
            _ => Ok(Self {
                region: prefix.to_owned(),
                id: id.to_owned(),
            }),
        }
    }

    /// The issuer of the pool's tokens.
    ///
    /// # Errors
    /// Never, for a pool that was parsed; the type is what [`Issuer::new`] returns.
    pub(super) fn issuer(&self) -> Result<Issuer, SettingError> {
        Issuer::new(format!(
            "https://cognito-idp.{}.{}/{}",
            self.region,
            self.domain(),
            self.id
        ))
    }

    /// Whether this issuer is the pool's: pools of the newer type have a second name.
    #[must_use]
    pub(super) fn is_named_by(&self, issuer: &Issuer) -> bool {
        ["", "issuer-"].iter().any(|kind| {
            issuer.as_str()
                == format!(
                    "https://{kind}cognito-idp.{}.{}/{}",
                    self.region,
                    self.domain(),
                    self.id
                )
        })
    }

    fn domain(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }
}

/// `AWS_REGION`.
///
/// # Errors
/// When the text does not look like a region.
pub(super) fn region(text: &str) -> Result<&str, SettingError> {
    if is_region(text) {
        return Ok(text);
    }
    Err(SettingError::new(
        "not an AWS region",
        "a region such as us-east-1",
    ))
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts.iter().all(|part| !part.is_empty())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.ends_with(|last: char| last.is_ascii_digit())
}

fn is_pool_suffix(text: &str) -> bool {
    !text.is_empty() && text.len() <= 55 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
