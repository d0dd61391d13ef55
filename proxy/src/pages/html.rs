//! The waiting page: from the view and the language to HTML. Everything a stranger or an operator wrote is escaped by
//! the template engine, or by [`data_block`] where the page's script reads it.

use std::sync::LazyLock;

use minijinja::{Environment, Value, context};
use serde::Serialize;
use stanchion_admission::store::RoomState;

use super::PageAsk;
use super::challenge::Data;
use super::headers::clean_nonce;
use super::lang::{Language, Texts};
use super::lean;
use super::status::{self, StatusDocument};
use super::template;
use super::view::{Notice, WaitView};
use super::words;

/// Longest operator's text shown on a page, in characters.
pub const MAX_WORDS: usize = 500;
/// Nobody is told to come back later than this.
const MAX_REFRESH_SECONDS: u64 = 600;
/// Longest title of a room, in characters.
pub const MAX_TITLE: usize = 80;

const WAITING: &str = include_str!("../../pages/waiting.html");
const CHALLENGE: &str = include_str!("../../pages/challenge.html");
const REFUSAL: &str = include_str!("../../pages/refusal.html");

static STYLE: LazyLock<String> = LazyLock::new(|| lean::joined(include_str!("../../pages/style.css")));
static SCRIPT: LazyLock<String> = LazyLock::new(|| lean::script(include_str!("../../pages/live.js")));
static WORK: LazyLock<String> = LazyLock::new(|| lean::script(include_str!("../../pages/challenge.js")));
static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_formatter(template::escape_always);
    pages.add_function("off", |shown: Value| {
        Value::from_safe_string(if shown.is_true() { "" } else { " hidden" }.to_owned())
    });
    for (name, source) in [("waiting", WAITING), ("refusal", REFUSAL), ("challenge", CHALLENGE)] {
        // Ours, compiled in, and rendered by every test.
        let _ = pages.add_template_owned(name, lean::joined(source));
    }
    pages
});

/// The built-in waiting page.
#[must_use]
pub fn waiting(view: &WaitView, ask: &PageAsk<'_>, language: &Language) -> String {
    render("waiting", variables(view, ask, language))
}

/// The page for a request that cannot be served. `group` is a key of the translations' `refusal`.
#[must_use]
pub fn refusal(code: u16, group: &str, ask: &PageAsk<'_>, language: &Language) -> String {
    let said = language.texts.refusal.get(group).cloned().unwrap_or_default();
    let nonce = clean_nonce(ask.nonce);
    render(
        "refusal",
        context! {
            lang => language.tag, dir => language.dir, nonce, code, style => safe(&STYLE),
            site => cut(&ask.dress.title, MAX_TITLE), heading => &said[0], why => &said[1],
            again => ask.is_get().then_some(&language.texts.again),
            website => website(ask),
        },
    )
}

/// The page with a task. `data` is for its script; without one it comes again after `seconds`.
#[must_use]
pub(super) fn challenge(data: &Data<'_>, seconds: u64, ask: &PageAsk<'_>, language: &Language) -> String {
    let texts = &language.texts;
    let [heading, why, waiting] = &texts.price;
    render(
        "challenge",
        context! {
            lang => language.tag, dir => language.dir, nonce => clean_nonce(ask.nonce), style => safe(&STYLE),
            site => cut(&ask.dress.title, MAX_TITLE), website => website(ask),
            heading, why, waiting, refresh => ask.refresh(seconds + 1), no_cookies => &texts.no_cookies,
            unsent => ask.unsent().then_some(&texts.unsent),
            data => safe(&data_block(data)), script => safe(&WORK),
        },
    )
}

fn render(name: &str, variables: Value) -> String {
    // A built-in template with its own variables: every test renders it.
    let page = PAGES.get_template(name).and_then(|page| page.render(variables));
    page.unwrap_or_default()
}

/// What both the built-in page and an operator's template are given; docs/STATUS.md lists them.
#[must_use]
pub fn variables(view: &WaitView, ask: &PageAsk<'_>, language: &Language) -> Value {
    let texts = &language.texts;
    let key = state_key(view);
    let said = texts.state.get(key).cloned().unwrap_or_default();
    let number = |n: u64| words::number(language, n);
    let nonce = clean_nonce(ask.nonce);
    let moving = !matches!(view.state, RoomState::Paused | RoomState::Prequeue | RoomState::Closed);
    let wait = view
        .wait_seconds
        .map_or_else(|| texts.unknown.clone(), |w| words::wait(language, w));
    let notice = view
        .notice
        .and_then(|notice| texts.notice.get(status::notice_key(notice)));
    context! {
        lang => language.tag, dir => language.dir,
        site => cut(&ask.dress.title, MAX_TITLE), website => website(ask), room => &view.room,
        state => key, heading => &said[0], why => &said[1],
        position => view.position.map(number), untold => is_untold(view),
        ahead => view.position.map(|n| number(n.saturating_sub(1))),
        waiting => view.waiting.map(number),
        wait => (moving && view.position.is_some()).then_some(wait),
        opens_at => opens_at(view).map(status::plain_time),
        paused_reason => (view.state == RoomState::Paused).then(|| view.paused_reason.as_deref().map(|w| cut(w, MAX_WORDS))).flatten(),
        message => view.message.as_deref().map(|w| cut(w, MAX_WORDS)),
        notice, unsent => ask.unsent(), stale => view.stale, kept => keeps_place(view),
        percent => percent(view).unwrap_or(0),
        updated => texts.updated.replace("{when}", &isolated(&status::plain_time(view.now), language)),
        refresh_seconds => refresh_seconds(view), status_url => ask.status_url,
        style => safe(&STYLE), live => safe(&live(view, ask, language, &nonce)), nonce,
        say => say(language),
    }
}

/// A date from left to right in a sentence from right to left: between the marks that isolate it.
fn isolated(date: &str, language: &Language) -> String {
    match language.dir {
        "rtl" => format!("\u{2066}{date}\u{2069}"),
        _ => date.to_owned(),
    }
}

/// Labels and fixed sentences.
fn say(language: &Language) -> Value {
    let texts = &language.texts;
    context! {
        place => &texts.place, ahead => &texts.ahead, waiting => &texts.waiting, wait => &texts.wait,
        opens => &texts.opens, organiser => &texts.organiser, progress => &texts.progress, keep => &texts.keep,
        unknown => &texts.unknown, stale => &texts.stale, offline => &texts.offline, sound => &texts.sound, notify => &texts.notify,
        no_js => &texts.no_js, stop => stop(&texts.no_js), no_cookies => &texts.no_cookies, unsent => &texts.unsent,
    }
}

/// How the language ends a sentence; Thai does not.
fn stop(sentence: &str) -> Option<char> {
    sentence.chars().next_back().filter(|c| matches!(c, '.' | '。'))
}

/// What makes a page live, for its head: the refresh for browsers without JavaScript, the data, the script, and a
/// reload for browsers too old for the script. The refresh sits in `noscript`: as a header it would also reload the
/// pages that keep themselves up to date.
fn live(view: &WaitView, ask: &PageAsk<'_>, language: &Language, nonce: &str) -> String {
    /// The rest of the status document stands in the page already.
    #[derive(Serialize)]
    struct Data<'a> {
        lang: &'a str,
        text: &'a Texts,
        url: &'a str,
        title: String,
        /// The server's clock, in milliseconds.
        now: u64,
        get: bool,
        /// Where to go at the end, where it is not the same page.
        #[serde(skip_serializing_if = "Option::is_none")]
        back: Option<&'a str>,
        room: &'a str,
        state: RoomState,
        position: Option<u64>,
        refresh_ms: u64,
        arrived_at: Option<String>,
        opens_at: Option<String>,
        notice: Option<&'static str>,
    }
    let document = StatusDocument::waiting(view);
    let data = data_block(&Data {
        lang: language.tag,
        text: &language.texts,
        url: ask.status_url,
        title: cut(&ask.dress.title, MAX_TITLE),
        now: view.now.0 / 1_000,
        get: ask.is_get(),
        back: ask.back.as_deref(),
        room: document.room,
        state: document.state,
        position: document.position,
        refresh_ms: document.refresh_ms,
        arrived_at: document.arrived_at,
        opens_at: document.opens_at,
        notice: document.notice,
    });
    let (seconds, script) = (refresh_seconds(view), SCRIPT.as_str());
    let refresh_ms = seconds * 1_000;
    // A page that came as the answer to a form must not send the form again.
    let refresh = escaped(&ask.refresh(seconds));
    let reload = match &ask.back {
        Some(back) => format!("replace({})", data_block(back)),
        None if ask.is_get() => "reload()".to_owned(),
        None => "replace(location.href)".to_owned(),
    };
    format!(
        "<noscript><meta http-equiv=refresh content=\"{refresh}\"></noscript>\
         <script type=application/json id=stanchion>{data}</script>\
         <script type=module nonce=\"{nonce}\">{script}</script>\
         <script nomodule nonce=\"{nonce}\">setTimeout(function(){{location.{reload}}},{refresh_ms})</script>"
    )
}

/// JSON that can stand inside a script element: nothing in it can end the element or begin a comment.
#[must_use]
pub fn data_block<T: Serialize>(data: &T) -> String {
    let json = serde_json::to_string(data).unwrap_or_default();
    let mut block = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\'' | '\u{2028}' | '\u{2029}' => block.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => block.push(c),
        }
    }
    block
}

/// Text that can stand in a quoted attribute.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('"', "&quot;");
    text.replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

/// The key of the translations' `state` that fits.
#[must_use]
pub fn state_key(view: &WaitView) -> &'static str {
    match view.notice {
        Some(Notice::LineFull) => "line-full",
        _ => status::state_key(view.state),
    }
}

fn keeps_place(view: &WaitView) -> bool {
    view.state != RoomState::Closed && view.notice != Some(Notice::LineFull)
}

/// Has a place that cannot be told yet.
fn is_untold(view: &WaitView) -> bool {
    view.position.is_none() && view.arrived_at.is_some() && keeps_place(view)
}

fn opens_at(view: &WaitView) -> Option<stanchion_admission::ids::Stamp> {
    view.opens_at.filter(|_| view.state == RoomState::Prequeue)
}

/// Of the whole wait, as far as time can tell; the script knows better, from the first place it saw.
fn percent(view: &WaitView) -> Option<u64> {
    view.position?;
    let waited = view.now.since(view.arrived_at?).as_secs();
    let (low, high) = view.wait_seconds?;
    let left = (low / 2).saturating_add(high / 2).max(1);
    Some(waited.saturating_mul(100) / waited.saturating_add(left))
}

/// Whole seconds: one to [`MAX_REFRESH_SECONDS`].
#[must_use]
pub fn refresh_seconds(view: &WaitView) -> u64 {
    view.refresh_ms.div_ceil(1_000).clamp(1, MAX_REFRESH_SECONDS)
}

/// Only a web address can be linked to.
fn website<'a>(ask: &PageAsk<'a>) -> Option<&'a str> {
    let web = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
    ask.dress.website.as_deref().filter(web)
}

/// At most `most` characters; a cut is shown.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn safe(html: &str) -> Value {
    Value::from_safe_string(html.to_owned())
}
