//! `UserContext` and `Permit` as arguments of axum handlers (feature `axum`). It lives here because only
//! the crate of a type may implement a foreign trait for it.

use std::any::type_name;

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use super::UserContext;
use crate::Permit;

/// The handler is not behind a `ResourceServerLayer`: a mistake in the program, not of the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("handler is not behind ResourceServerLayer: the request carries no {missing}")]
#[non_exhaustive]
pub struct NotProtected {
    missing: &'static str,
}

impl NotProtected {
    fn no<T>() -> Self {
        Self {
            missing: type_name::<T>(),
        }
    }
}

impl IntoResponse for NotProtected {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            "handler is not behind ResourceServerLayer",
        )
            .into_response()
    }
}

macro_rules! from_extensions {
    ($($extracted:ty),+) => {$(
        impl<S: Sync> FromRequestParts<S> for $extracted {
            type Rejection = NotProtected;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotProtected> {
                parts.extensions.get::<Self>().cloned().ok_or_else(NotProtected::no::<Self>)
            }
        }

        impl<S: Sync> OptionalFromRequestParts<S> for $extracted {
            type Rejection = std::convert::Infallible;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
                Ok(parts.extensions.get::<Self>().cloned())
            }
        }
    )+};
}

from_extensions!(UserContext, Permit);
