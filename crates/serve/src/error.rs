//! Refusals, as OpenAI's clients expect them: `{"error": {message, type, param, code}}`.
//! The message is for whoever calls: what, where, what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    /// The field at fault.
    pub param: Option<&'static str>,
    pub retry_after_s: Option<u32>,
}

impl Refusal {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            code,
            message: message.into(),
            param: None,
            retry_after_s: None,
        }
    }

    pub fn bad(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A field that cannot be used.
    pub fn field(param: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            param: Some(param),
            ..Refusal::bad("invalid_value", message)
        }
    }

    pub fn again(self, after_s: u32) -> Refusal {
        Refusal {
            retry_after_s: Some(after_s),
            ..self
        }
    }

    /// The document, without the status.
    pub fn document(&self) -> serde_json::Value {
        let kind = match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        json!({"error": {
            "message": self.message,
            "type": kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.document())).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            let value = HeaderValue::from_static("Bearer realm=\"touchstone\"");
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        if let Some(after_s) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after_s));
        }
        response
    }
}
