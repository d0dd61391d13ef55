//! Between Pingora's errors and our refusals: one of ours may travel inside one of theirs.

use std::fmt;

use pingora::{Error, ErrorSource, ErrorType};

use super::guard::stream::Refused;
use super::refusal::Refusal;

pub(super) fn refusal_error(refusal: Refusal) -> Box<Error> {
    Error::because(ErrorType::InternalError, "refused", Refused(refusal))
}

/// What the visitor is told about an error; `None`: there is nobody to tell.
pub(super) fn refusal_of(error: &Error) -> Option<Refusal> {
    if let Some(refusal) = refusal_within(error) {
        return Some(refusal);
    }
    match (error.esource(), error.etype()) {
        (ErrorSource::Upstream, ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout) => {
            Some(Refusal::OriginTooSlow)
        }
        (ErrorSource::Upstream, ErrorType::InvalidHTTPHeader | ErrorType::H1Error) => Some(Refusal::OriginInvalid),
        (ErrorSource::Upstream, _) => Some(Refusal::Unreachable),
        (ErrorSource::Downstream, _) => None,
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(Refusal::Panicked),
    }
}

/// A refusal of our own that travelled inside Pingora's error.
fn refusal_within(error: &Error) -> Option<Refusal> {
    let cause = error.root_cause();
    let within_io = cause
        .downcast_ref::<std::io::Error>()
        .and_then(|io| io.get_ref()?.downcast_ref::<Refused>());
    within_io
        .or_else(|| cause.downcast_ref::<Refused>())
        .map(|refused| refused.0)
}

/// A failure of an origin, in an operator's words: what went wrong, and the system's own word on it where there is one.
pub(super) struct Trouble<'a>(pub &'a Error);

impl fmt::Display for Trouble<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0.etype() {
            ErrorType::ConnectRefused => "it refuses connections",
            ErrorType::ConnectTimedout => "it does not accept the connection in time",
            ErrorType::ConnectNoRoute => "there is no route to it",
            ErrorType::TLSHandshakeFailure | ErrorType::TLSHandshakeTimedout | ErrorType::HandshakeError => {
                "TLS with it fails"
            }
            ErrorType::InvalidCert => "its certificate is not accepted",
            ErrorType::ReadTimedout => "it does not answer in time",
            ErrorType::WriteTimedout => "it does not take the request in time",
            ErrorType::ConnectionClosed => "it closes the connection instead of answering",
            ErrorType::InvalidHTTPHeader | ErrorType::H1Error | ErrorType::H2Error => "its answer is not HTTP",
            other => other.as_str(),
        };
        f.write_str(words)?;
        match self.0.root_cause().downcast_ref::<std::io::Error>() {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}
