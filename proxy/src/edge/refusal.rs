//! Every reason for which the edge refuses a request by itself, with its status. `docs/HTTP.md` lists the same
//! table, and a test holds the two together. Knows nothing of connections or pages.

use http::StatusCode;

/// The enum and the list of its members, from one enumeration.
macro_rules! refusals {
    ($($name:ident,)+) => {
        /// Why a request was refused before anybody was asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $($name,)+
        }

        impl Refusal {
            pub const ALL: [Refusal; [$(Refusal::$name,)+].len()] = [$(Refusal::$name,)+];
        }
    };
}

refusals! {
    RequestLine,
    Version,
    LineEnding,
    ControlByte,
    FieldName,
    FieldValue,
    FoldedField,
    HeadTooLarge,
    TooManyFields,
    TargetTooLong,
    Method,
    MethodNotAllowed,
    HostMissing,
    HostTwice,
    HostInvalid,
    HostMismatch,
    HostUnknown,
    Target,
    PathEscape,
    PathNotCanonical,
    Query,
    LengthTwice,
    LengthInvalid,
    LengthAndCoding,
    Coding,
    CodingOnOldVersion,
    BodyNotExpected,
    LengthRequired,
    ChunkInvalid,
    BodyTooLarge,
    Nomination,
    Expectation,
    TooSlow,
    Panicked,
    Unreachable,
    OriginTooSlow,
    OriginInvalid,
    OutOfMemory,
    TooBusy,
    NotTold,
}

use Refusal::*;

impl Refusal {
    pub fn status(self) -> StatusCode {
        match self {
            HeadTooLarge | TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            TargetTooLong => StatusCode::URI_TOO_LONG,
            MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            HostUnknown => StatusCode::MISDIRECTED_REQUEST,
            LengthRequired => StatusCode::LENGTH_REQUIRED,
            BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Expectation => StatusCode::EXPECTATION_FAILED,
            TooSlow => StatusCode::REQUEST_TIMEOUT,
            Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Unreachable | OriginInvalid => StatusCode::BAD_GATEWAY,
            OriginTooSlow => StatusCode::GATEWAY_TIMEOUT,
            OutOfMemory | TooBusy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// A stable short name: a metric label, and the key of the table in `docs/HTTP.md`.
    pub fn code(self) -> &'static str {
        match self {
            RequestLine => "request-line",
            Version => "version",
            LineEnding => "line-ending",
            ControlByte => "control-byte",
            FieldName => "field-name",
            FieldValue => "field-value",
            FoldedField => "folded-field",
            HeadTooLarge => "head-too-large",
            TooManyFields => "too-many-fields",
            TargetTooLong => "target-too-long",
            Method => "method",
            MethodNotAllowed => "method-not-allowed",
            HostMissing => "host-missing",
            HostTwice => "host-twice",
            HostInvalid => "host-invalid",
            HostMismatch => "host-mismatch",
            HostUnknown => "host-unknown",
            Target => "target",
            PathEscape => "path-escape",
            PathNotCanonical => "path-not-canonical",
            Query => "query",
            LengthTwice => "length-twice",
            LengthInvalid => "length-invalid",
            LengthAndCoding => "length-and-coding",
            Coding => "coding",
            CodingOnOldVersion => "coding-on-old-version",
            BodyNotExpected => "body-not-expected",
            LengthRequired => "length-required",
            ChunkInvalid => "chunk-invalid",
            BodyTooLarge => "body-too-large",
            Nomination => "nomination",
            Expectation => "expectation",
            TooSlow => "too-slow",
            Panicked => "panicked",
            Unreachable => "unreachable",
            OriginTooSlow => "origin-too-slow",
            OriginInvalid => "origin-invalid",
            OutOfMemory => "out-of-memory",
            TooBusy => "too-busy",
            NotTold => "not-told",
        }
    }

    /// What the client is told.
    pub fn reason(self) -> &'static str {
        match self {
            RequestLine => "The request line is not valid HTTP.",
            Version => "This HTTP version is not supported.",
            LineEnding => "A line does not end in CRLF.",
            ControlByte => "The request contains a control character.",
            FieldName => "A field name is not valid.",
            FieldValue => "A field value is not valid.",
            FoldedField => "A field is folded over several lines.",
            HeadTooLarge => "The request head is too large.",
            TooManyFields => "The request has too many fields.",
            TargetTooLong => "The address is too long.",
            Method => "The method is not valid.",
            MethodNotAllowed => "This method is not allowed here.",
            HostMissing => "The Host field is missing or empty.",
            HostTwice => "The Host field is given more than once.",
            HostInvalid => "The Host field is not valid.",
            HostMismatch => "The Host field and the address disagree.",
            HostUnknown => "This host is not served here.",
            Target => "The address is not valid.",
            PathEscape => "The path contains a character that is not allowed.",
            PathNotCanonical => "The path is not in its canonical form.",
            Query => "The query contains a character that is not allowed.",
            LengthTwice => "Content-Length is given more than once.",
            LengthInvalid => "Content-Length is not a number.",
            LengthAndCoding => "Content-Length and Transfer-Encoding are both given.",
            Coding => "Transfer-Encoding is something other than chunked.",
            CodingOnOldVersion => "Transfer-Encoding is not allowed in HTTP/1.0.",
            BodyNotExpected => "A GET or HEAD request cannot have a body.",
            LengthRequired => "A request body needs a Content-Length.",
            ChunkInvalid => "The chunked body is not valid.",
            BodyTooLarge => "The request body is too large.",
            Nomination => "The Connection field names a field that must not be removed.",
            Expectation => "The expectation cannot be met.",
            TooSlow => "The request took too long to arrive.",
            Panicked => "Something went wrong here.",
            Unreachable => "The origin cannot be reached.",
            OriginTooSlow => "The origin took too long to answer.",
            OriginInvalid => "The origin's answer is not valid HTTP.",
            TooBusy => "Too many requests are under way. Please try again in a few seconds.",
            NotTold => "The proxy in front of this service did not say clearly what was asked for.",
            OutOfMemory => "Too much is going on here at the moment. Please try again in a few seconds.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in the docs lists each refusal with its status, and nothing else.
    #[test]
    fn the_documented_table_is_the_real_one() {
        let text = include_str!("../../../docs/HTTP.md");
        let rows: Vec<(&str, &str)> = text
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|row| row.split_once("` | "))
            .filter_map(|(code, rest)| Some((code, rest.split(' ').next()?)))
            .collect();
        for refusal in Refusal::ALL {
            let status = refusal.status().as_u16().to_string();
            assert!(
                rows.contains(&(refusal.code(), status.as_str())),
                "docs/HTTP.md lacks {refusal:?} {status}"
            );
        }
        assert_eq!(
            rows.len(),
            Refusal::ALL.len(),
            "docs/HTTP.md has rows of its own: {rows:?}"
        );
    }

    #[test]
    fn codes_are_unique() {
        let codes: std::collections::HashSet<_> = Refusal::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Refusal::ALL.len());
    }
}
