//! Texts with a form of their own, and the words that keys are chosen from.

use schemars::JsonSchema;

/// A whole number with one unit: `500ms`, `10s`, `5m`, `2h`, `1d`.
#[derive(JsonSchema)]
#[schemars(title = "duration")]
#[allow(dead_code)]
pub(super) struct Duration(#[schemars(regex(pattern = r"^(0|[1-9][0-9]*)(ms|s|m|h|d)$"))] String);

/// How many in which period: `500/min`, `100/10s`, `2/s`, `1/h`, `1000/d`.
#[derive(JsonSchema)]
#[schemars(title = "rate")]
#[allow(dead_code)]
pub(super) struct Rate(
    #[schemars(regex(
        pattern = r"^(0|[1-9][0-9]*)/((0|[1-9][0-9]*)?(ms|s|m|h|d)|sec|second|min|minute|hr|hour|day)$"
    ))]
    String,
);

/// A whole number with a unit: `512B`, `16KiB`, `1MiB`.
#[derive(JsonSchema)]
#[schemars(title = "size")]
#[allow(dead_code)]
pub(super) struct Size(#[schemars(regex(pattern = r"^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)$"))] String);

/// A size per second: `500B/s`.
#[derive(JsonSchema)]
#[schemars(title = "speed")]
#[allow(dead_code)]
pub(super) struct Speed(#[schemars(regex(pattern = r"^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)/s$"))] String);

/// 1 to 64 characters of `a-z`, `0-9` and `-`.
#[derive(JsonSchema)]
#[schemars(title = "name")]
#[allow(dead_code)]
pub(super) struct Name(#[schemars(regex(pattern = r"^[a-z0-9-]{1,64}$"))] String);

/// An IP address and a port: `127.0.0.1:8080`, `[::1]:8080`. Names are not looked up.
#[derive(JsonSchema)]
#[schemars(title = "address")]
#[allow(dead_code)]
pub(super) struct Address(String);

/// An address prefix: `10.0.0.0/8`, `fd00::/8`.
#[derive(JsonSchema)]
#[schemars(title = "prefix")]
#[allow(dead_code)]
pub(super) struct Prefix(#[schemars(regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"))] String);

/// A file or folder. A relative one starts at the folder of the configuration file.
#[derive(JsonSchema)]
#[schemars(title = "path")]
#[allow(dead_code)]
pub(super) struct Path(#[schemars(length(min = 1, max = 4096))] String);

/// `*`, `*.example.org` (every name below) or a name. No scheme, no port; case does not count.
#[derive(JsonSchema)]
#[schemars(title = "host")]
#[allow(dead_code)]
pub(super) struct Host(#[schemars(length(min = 1, max = 253))] String);

/// A plain path prefix that begins with `/`. It covers whole segments, and case does not count: `/sale` covers
/// `/sale`, `/sale/seats` and `/Sale`, not `/sales`. As paths of a room it also covers what many origins take for the
/// same: `/sale;x=1/seats`, `/sale./seats`, `/sale%20`, `/sale.json`. In `exclude` it does not.
#[derive(JsonSchema)]
#[schemars(title = "path prefix")]
#[allow(dead_code)]
pub(super) struct PathPrefix(#[schemars(regex(pattern = r"^/"), length(max = 1024))] String);

#[derive(JsonSchema)]
#[allow(dead_code)]
pub(super) enum Signing {
    EdDSA,
    ES256,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum Mode {
    Fifo,
    Passthrough,
    Closed,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum OnStoreLoss {
    Hold,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum Upgrade {
    Websocket,
    Sse,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum Enforcement {
    Off,
    Observe,
    Enforce,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum Bind {
    None,
    Network,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[allow(dead_code)]
pub(super) enum Algorithm {
    SlidingWindow,
    TokenBucket,
    SlidingLog,
    FixedWindow,
    LeakyBucket,
    Concurrency,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum Scope {
    Edge,
    Global,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum GlobalMode {
    Synced,
    Exact,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum OnMissingKey {
    Skip,
    Share,
    Refuse,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[allow(dead_code)]
pub(super) enum OnStoreError {
    Open,
    Closed,
    Local,
}
