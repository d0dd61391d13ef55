//! What is on: the list with its search, one event, and which seats are free.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;

use super::Site;
use super::asked;
use super::browse::in_time;
use super::openapi::EventPath;
use super::problem::{Problem, refuse};
use super::shapes::{EventAnswer, EventPage, EventShown, SeatMap, SeatRow};
use crate::shop::Sale;
use crate::shop::stock::Offer;

const DAY_MS: u64 = 86_400_000;
const MAX_PER_PAGE: usize = 100;
const USUAL_PER_PAGE: usize = 20;
/// Longest text that is searched for.
const MAX_SEARCH: usize = 200;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // the shape alone; `Search` reads the address
struct Parameters {
    /// Every word is in title, venue or id.
    #[param(max_length = 200)]
    search: Option<String>,
    /// Is in the venue.
    #[param(max_length = 200)]
    place: Option<String>,
    /// From this day (UTC) on.
    #[param(format = Date)]
    from: Option<String>,
    /// Up to the end of this day (UTC).
    #[param(format = Date)]
    to: Option<String>,
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<usize>,
    #[param(minimum = 1, maximum = 100)]
    per_page: Option<usize>,
}

/// What is on, the soonest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(Parameters), security(("pass" = [])), extensions(("x-problems" = json!(["bad-query"]))),
    responses((status = 200, description = "One page of the list", body = EventPage)))]
pub(super) async fn list(State(site): State<Site>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let search = match asked::query(query.as_deref(), &KNOWN).and_then(|given| Search::of(&given)) {
        Ok(search) => search,
        Err(problem) => return refuse(&site, &headers, problem),
    };
    let (events, total) = site.0.writer.look(|sale| search.find(sale, shown));
    let (page, per_page) = (search.page, search.per_page);
    let answer = EventPage {
        events,
        page,
        per_page,
        total,
    };
    Json(answer).into_response()
}

/// One event.
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events", params(EventPath), operation_id = "event", security(("pass" = [])), extensions(("x-problems" = json!(["unknown-event"]))),
    responses((status = 200, description = "The event as it is now", body = EventAnswer)))]
pub(super) async fn one(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match site.0.writer.look(|sale| sale.offer(&id).map(shown)) {
        Some(event) => Json(EventAnswer { event }).into_response(),
        None => refuse(&site, &headers, unknown()),
    }
}

/// Every row with a letter a seat: `.` free, `x` taken.
#[utoipa::path(get, path = "/api/v1/events/{id}/seats", tag = "events", params(EventPath), security(("pass" = [])), extensions(("x-problems" = json!(["unknown-event", "not-numbered"]))),
    responses((status = 200, description = "The hall as it is now", body = SeatMap)))]
pub(super) async fn seats(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let found = site.0.writer.look_at(|seq, sale| {
        let offer = sale.offer(&id)?;
        Some((offer.hall().cloned(), offer.free_seats().cloned(), seq))
    });
    let (hall, seats, seq) = match found {
        Some((Some(hall), Some(seats), seq)) => (hall, seats, seq),
        Some(_) => {
            let problem = Problem::new(
                StatusCode::NOT_FOUND,
                "not-numbered",
                "This event has no numbered seats.",
            );
            return refuse(&site, &headers, problem);
        }
        None => return refuse(&site, &headers, unknown()),
    };
    let rows: Vec<SeatRow> = hall
        .drawn()
        .map(|row| {
            let letter = |seat| if seats.is_free(&hall, seat) { '.' } else { 'x' };
            let letters: String = (row.first..row.first + row.len).map(letter).collect();
            SeatRow {
                section: row.section.to_owned(),
                row: row.row.to_owned(),
                zone: row.zone.to_owned(),
                accessible: row.accessible,
                seats: letters,
            }
        })
        .collect();
    let zones = hall.zones().to_vec();
    Json(SeatMap { seq, zones, rows }).into_response()
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown-event", "There is no such event.")
}

fn shown(offer: &Offer) -> EventShown {
    let event = offer.event();
    EventShown {
        id: event.id.to_string(),
        title: event.title.clone(),
        venue: event.venue.clone(),
        when: event.when.clone(),
        starts_at_ms: event.starts_at_ms,
        price: event.price.clone(),
        seats: offer.capacity(),
        left: offer.left(),
        numbered: offer.hall().is_some(),
        cap: event.cap,
    }
}

/// What a search may say.
pub(super) const KNOWN: [&str; 6] = ["search", "place", "from", "to", "page", "per_page"];

#[derive(PartialEq, Eq, Debug)]
pub(super) struct Search {
    /// In small letters; each must be in title, venue or id.
    words: Vec<String>,
    place: String,
    from_ms: u64,
    before_ms: u64,
    pub(super) page: usize,
    pub(super) per_page: usize,
}

impl Search {
    pub(super) fn of(given: &BTreeMap<String, String>) -> Result<Search, Problem> {
        let bad = |text: String| Problem::new(StatusCode::BAD_REQUEST, "bad-query", text);
        let text = |name: &str| given.get(name).map_or_else(String::new, |text| text.to_lowercase());
        let number = |name: &str, usual: usize, most: usize| match given.get(name).map(|text| text.parse()) {
            None => Ok(usual),
            Some(Ok(number)) if (1..=most).contains(&number) => Ok(number),
            Some(_) => Err(bad(format!("{name} must be 1-{most}"))),
        };
        let day = |name: &str| match given.get(name) {
            None => Ok(None),
            Some(text) => match day_ms(text) {
                Some(ms) => Ok(Some(ms)),
                None => Err(bad(format!("{name} must be a day like 2026-12-31"))),
            },
        };
        let (search, place) = (text("search"), text("place"));
        if search.chars().count() > MAX_SEARCH || place.chars().count() > MAX_SEARCH {
            return Err(bad(format!("search and place are at most {MAX_SEARCH} characters")));
        }
        Ok(Search {
            words: search.split_whitespace().map(str::to_owned).collect(),
            place: place.trim().to_owned(),
            from_ms: day("from")?.unwrap_or(0),
            before_ms: day("to")?.map_or(u64::MAX, |ms| ms.saturating_add(DAY_MS)),
            page: number("page", 1, 1_000_000)?,
            per_page: number("per_page", USUAL_PER_PAGE, MAX_PER_PAGE)?,
        })
    }

    /// What is on its page, and how much there is in all.
    pub(super) fn find<T>(&self, sale: &Sale, show: impl Fn(&Offer) -> T) -> (Vec<T>, usize) {
        let found: Vec<&Offer> = in_time(sale).into_iter().filter(|offer| self.finds(offer)).collect();
        let first = (self.page - 1).saturating_mul(self.per_page);
        let page = found.iter().skip(first).take(self.per_page);
        (page.map(|offer| show(offer)).collect(), found.len())
    }

    fn finds(&self, offer: &Offer) -> bool {
        let event = offer.event();
        let venue = event.venue.to_lowercase();
        let text = format!("{} {venue} {}", event.title.to_lowercase(), event.id);
        let in_time = (self.from_ms..self.before_ms).contains(&event.starts_at_ms);
        in_time && venue.contains(&self.place) && self.words.iter().all(|word| text.contains(word.as_str()))
    }
}

/// Midnight (UTC) of `YYYY-MM-DD`, in milliseconds since the Unix epoch; 0 for days before it. Days from civil (Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms").
fn day_ms(text: &str) -> Option<u64> {
    const TO_EPOCH: u64 = 719_468;
    let mut parts = text.split('-');
    let mut next = |digits: usize| -> Option<u64> {
        let part = parts.next()?;
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| plain)
    };
    let (year, month, day) = (next(4)?, next(2)?, next(2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || !(1..=longest).contains(&day) {
        return None;
    }
    if year < 1970 {
        return Some(0);
    }
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year;
    days.checked_sub(TO_EPOCH).map(|days| days * DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        assert_eq!(day_ms("1970-01-01"), Some(0));
        assert_eq!(day_ms("1969-12-31"), Some(0));
        assert_eq!(day_ms("2000-02-29"), Some(951_782_400_000));
        assert_eq!(day_ms("2026-12-12"), Some(1_797_033_600_000));
        for wrong in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "2026-12-12-1",
            "2026-00-10",
            "+026-01-01",
        ] {
            assert_eq!(day_ms(wrong), None, "{wrong}");
        }
    }
}
