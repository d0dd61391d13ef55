//! Between Pingora's errors and our refusals: one of ours may travel inside one of theirs.

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
