//! An operator's own waiting page: a minijinja template, escaped whatever it does, bounded in steps and size, without
//! access to files. A template that fails costs the visitor nothing: they get the built-in page.

use std::fmt;
use std::io;

use http::Method;
use minijinja::{Environment, Error, HtmlEscape, Output, State, Value};
use stanchion_admission::ids::Stamp;
use stanchion_admission::store::RoomState;

use super::view::{Notice, WaitView};
use super::{Dress, PageAsk, html, lang};

/// Largest template, in bytes.
pub const MAX_TEMPLATE: usize = 256 * 1024;
/// Largest page a template may make, in bytes.
pub const MAX_PAGE: usize = 512 * 1024;
/// Steps of the template engine for one page.
const FUEL: u64 = 50_000;
const NAME: &str = "waiting page";

/// What is wrong with a template, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    pub line: Option<usize>,
    pub what: String,
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for TemplateProblem {}

impl From<Error> for TemplateProblem {
    fn from(error: Error) -> Self {
        let what = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        TemplateProblem {
            line: error.line(),
            what,
        }
    }
}

/// A template that has been compiled.
#[derive(Debug)]
pub struct Template(Environment<'static>);

impl Template {
    /// Compiles and tries it in every state and language.
    pub fn new(text: &str) -> Result<Template, TemplateProblem> {
        if text.len() > MAX_TEMPLATE {
            return Err(problem(format!("larger than {MAX_TEMPLATE} bytes")));
        }
        let mut pages = Environment::new();
        pages.remove_filter("safe");
        pages.set_formatter(escape_always);
        pages.set_fuel(Some(FUEL));
        pages.set_recursion_limit(50);
        pages.add_template_owned(NAME, text.to_owned())?;
        let template = Template(pages);
        template.rehearse()?;
        Ok(template)
    }

    /// The page, or what went wrong.
    pub fn render(&self, variables: Value) -> Result<String, TemplateProblem> {
        let mut page = Bounded(Vec::new());
        let template = self.0.get_template(NAME)?;
        template.render_captured_to(variables, &mut page)?;
        String::from_utf8(page.0).map_err(|_| problem("the page is not UTF-8".to_owned()))
    }

    fn rehearse(&self) -> Result<(), TemplateProblem> {
        let dress = Dress::titled("Rehearsal");
        let ask = PageAsk::new(
            &Method::GET,
            "cmVoZWFyc2Fs",
            "/.well-known/stanchion/rooms/rehearsal/status",
            &dress,
        );
        for view in rehearsals() {
            for language in lang::all() {
                let page = self.render(html::variables(&view, &ask, language))?;
                if !page.contains("id=stanchion>") {
                    return Err(problem(
                        "{{ live }} is missing: the page would never let anybody in".to_owned(),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether an operator's template works. Asked before a configuration is taken.
pub fn check_template(text: &str) -> Result<(), TemplateProblem> {
    Template::new(text).map(|_| ())
}

fn problem(what: String) -> TemplateProblem {
    TemplateProblem { line: None, what }
}

/// One view of each kind: with everything known, and with nothing known.
fn rehearsals() -> Vec<WaitView> {
    let states = [
        RoomState::Open,
        RoomState::Queueing,
        RoomState::Paused,
        RoomState::Prequeue,
        RoomState::Full,
        RoomState::Closed,
        RoomState::Recovering,
    ];
    let known = |state| WaitView {
        room: "rehearsal".to_owned(),
        state,
        position: Some(4_211),
        waiting: Some(12_000),
        wait_seconds: Some((300, 480)),
        refresh_ms: 10_000,
        arrived_at: Some(Stamp(1_700_000_000_000_000)),
        now: Stamp(1_700_000_060_000_000),
        stale: true,
        opens_at: Some(Stamp(1_700_000_600_000_000)),
        paused_reason: Some("A reason".to_owned()),
        message: Some("A message".to_owned()),
        notice: Some(Notice::TicketReplaced),
    };
    let unknown = |state| WaitView {
        position: None,
        waiting: None,
        wait_seconds: None,
        arrived_at: None,
        stale: false,
        opens_at: None,
        paused_reason: None,
        message: None,
        notice: None,
        ..known(state)
    };
    states
        .into_iter()
        .flat_map(|state| [known(state), unknown(state)])
        .collect()
}

/// Everything is escaped unless Stanchion itself made it, also inside `{% autoescape false %}`; there is no `safe`.
pub(super) fn escape_always(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let text = value.to_string();
    let written = if value.is_safe() {
        out.write_str(&text)
    } else {
        write!(out, "{}", HtmlEscape(&text))
    };
    written.map_err(Error::from)
}

/// Refuses to hold more than [`MAX_PAGE`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_PAGE {
            return Err(io::Error::other("the page is too large"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
