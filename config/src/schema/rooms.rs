//! The shapes of `[[rooms]]` and `[[limits]]`.

use schemars::JsonSchema;

use super::words::{
    Algorithm, Bind, Duration, Enforcement, GlobalMode, Host, Mode, Name, OnMissingKey, OnStoreError, OnStoreLoss,
    Path, PathPrefix, Rate, Scope, Upgrade,
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct RoomTable {
    /// What the room is called in cookies, passes, metrics and the API.
    name: Name,
    /// The origin that its visitors get to.
    origin: Name,
    /// The hosts it is for.
    #[schemars(length(min = 1, max = 64), extend("default" = ["*"]))]
    hosts: Option<Vec<Host>>,
    /// The paths that need a pass. Of several rooms the most specific host and then the most specific path wins; two
    /// rooms with one host and one path are refused.
    #[schemars(length(min = 1, max = 64), extend("default" = ["/"]))]
    paths: Option<Vec<PathPrefix>>,
    /// Paths among them that are let through without a pass.
    #[schemars(length(max = 64), extend("default" = []))]
    exclude: Option<Vec<PathPrefix>>,
    /// `fifo`: first come, first served. `passthrough`: everybody passes, nobody is counted. `closed`: nobody gets in.
    #[schemars(extend("default" = "fifo"))]
    mode: Option<Mode>,
    /// Most visitors inside at one time. Needed in `fifo`.
    #[schemars(range(min = 1, max = 10_000_000))]
    capacity: Option<u64>,
    /// The pace at which visitors are let in. Needed in `fifo`. At most 100000 in a period of 1ms to 1d.
    rate: Option<Rate>,
    /// A visit ends this long after its last request, and after a minute where nobody came back with the pass. From 1s to 1d.
    #[schemars(extend("default" = "10m"))]
    session_ttl: Option<Duration>,
    /// How long somebody whose turn it is may take to come in. At least twice `near_poll`, at most 1h.
    #[schemars(extend("default" = "60s"))]
    claim_window: Option<Duration>,
    /// How long somebody who was away at their turn keeps their place. At least twice `claim_window`, at most 1d; left
    /// out, it is at least that by itself.
    #[schemars(extend("default" = "5m"))]
    return_grace: Option<Duration>,
    /// How often a waiting page near the head asks. From 500ms to 6s.
    #[schemars(extend("default" = "3s"))]
    near_poll: Option<Duration>,
    /// How often a waiting page at the far end asks. At least `near_poll`, at most 10m.
    #[schemars(extend("default" = "60s"))]
    max_poll: Option<Duration>,
    /// Most places in the line. Beyond it newcomers are told that the line is full.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = 1_000_000))]
    max_waiting: Option<u64>,
    /// Before this moment nobody gets in, and the page counts down: `2027-05-01T10:00:00+07:00`, from 2020 to 2100.
    #[schemars(extend("format" = "date-time"))]
    opens_at: Option<String>,
    /// What happens to admissions while the store is away: `hold` lets nobody new in until it is back.
    #[schemars(extend("default" = "hold"))]
    on_store_loss: Option<OnStoreLoss>,
    /// What may stay open between visitor and origin, silent for up to 10 minutes: WebSockets (refused elsewhere), and streams of server-sent events (elsewhere held to the origin's `read_timeout`).
    #[schemars(length(max = 8), extend("default" = []))]
    allow_upgrade: Option<Vec<Upgrade>>,
    /// What ties a place to its visitor: nothing, or their network (IPv4 /24, IPv6 /48).
    #[schemars(extend("default" = "none"))]
    bind: Option<Bind>,
    /// What a new place costs a network that has had many (docs/BOTS.md).
    challenge: Option<ChallengeTable>,
    /// A minijinja template in place of the built-in waiting page.
    template: Option<Path>,
    /// The headline of the waiting page, at most 200 bytes.
    #[schemars(length(max = 200))]
    title: Option<String>,
    /// A word to everybody in the line, at most 500 bytes. It can be changed while the line moves.
    #[schemars(length(max = 500))]
    message: Option<String>,
    /// An `http` or `https` address that the page links back to.
    #[schemars(length(max = 2048))]
    website: Option<String>,
    /// The languages of the page; the first is the fallback. Left out: all that are built in.
    #[schemars(length(max = 64), extend("default" = []))]
    languages: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct ChallengeTable {
    /// `observe`: only count what would have been asked for. `enforce`: ask for it.
    #[schemars(extend("default" = "off"))]
    mode: Option<Enforcement>,
    /// Places that one network (IPv4 /24, IPv6 /48) is given within ten minutes, at one edge, before they cost anything;
    /// 0: each costs something.
    #[schemars(range(max = 1_000_000), extend("default" = 30))]
    free_places: Option<u32>,
    /// Places a minute that one network can have at one edge by waiting instead of working, as browsers without
    /// JavaScript do.
    #[schemars(range(min = 1, max = 100_000), extend("default" = 30))]
    waiting_instead: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct LimitTable {
    /// What the limit is called in answers and metrics.
    name: Name,
    /// Whose requests are counted together: `ip`, `prefix` (IPv4 /24, IPv6 /48), `visitor`, `country`, `network`,
    /// `host`, `path`, `method`, `header:NAME`, `claim:NAME`, a list of up to four of them, or `all`.
    key: KeyOrKeys,
    /// How many in which window (1ms to 366d); with `concurrency` a whole number: how many at one time.
    limit: RateOrCount,
    /// How it is counted.
    #[schemars(extend("default" = "sliding-window"))]
    algorithm: Option<Algorithm>,
    /// `edge`: each process counts alone. `global`: one count for all edges.
    #[schemars(extend("default" = "edge"))]
    scope: Option<Scope>,
    /// How a global count is kept: `synced` in batches, `exact` with a store call a request.
    #[schemars(extend("default" = "synced"))]
    mode: Option<GlobalMode>,
    /// What one request takes.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 1))]
    cost: Option<u64>,
    /// A request that lacks what the key asks for: `skip` the limit, `share` one bucket, or `refuse`.
    #[schemars(extend("default" = "skip"))]
    on_missing_key: Option<OnMissingKey>,
    /// A global limit while the store is away: let through, refuse (503), or hold each edge to its share, the limit divided by the edges last seen.
    #[schemars(extend("default" = "local"))]
    on_store_error: Option<OnStoreError>,
    /// Count and report, never refuse.
    #[schemars(extend("default" = false))]
    shadow: Option<bool>,
    /// Which requests it looks at; a list left out fits all.
    r#match: Option<MatchTable>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum KeyOrKeys {
    One(String),
    Several(#[schemars(length(max = 4))] Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum RateOrCount {
    PerWindow(Rate),
    AtOneTime(#[schemars(range(min = 1, max = 1_000_000))] u64),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct MatchTable {
    /// Hosts.
    #[schemars(length(max = 64), extend("default" = []))]
    host: Option<Vec<Host>>,
    /// Path prefixes.
    #[schemars(length(max = 64), extend("default" = []))]
    path: Option<Vec<PathPrefix>>,
    /// Methods, in capitals.
    #[schemars(length(max = 64), extend("default" = []))]
    method: Option<Vec<String>>,
    /// Two-letter country codes, in capitals.
    #[schemars(length(max = 64), extend("default" = []))]
    country: Option<Vec<String>>,
    /// Autonomous system numbers.
    #[schemars(length(max = 64), extend("default" = []))]
    network: Option<Vec<u32>>,
    /// Header fields that the request must have.
    #[schemars(length(max = 64), extend("default" = []))]
    header: Option<Vec<String>>,
    /// Claims that its verified token must have.
    #[schemars(length(max = 64), extend("default" = []))]
    claim: Option<Vec<String>>,
}
