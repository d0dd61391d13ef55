//! Discount codes. A use is counted when the code goes on an order and given back when the order comes to nothing, so
//! that a limit is a limit at every moment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::catalogue::{MAX_PRICE_MINOR, MAX_TIME_MS};
use super::fact::{Fact, GoodsFact};
use super::guard::Guard;
use super::ids::{CodeId, EventId, PersonId};
use super::order::Order;
use super::refusal::Refusal;
use super::{Decision, Done};

/// Most codes.
pub const MAX_CODES: usize = 10_000;
/// Most uses of one: as many as there can be orders.
pub const MAX_USES: u32 = 1_000_000;
/// Longest code.
pub const MAX_CODE: usize = 40;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// 1–40 printable ASCII characters; capitals and small letters differ.
    #[schema(value_type = String, pattern = "^[!-~]{1,40}$", examples("SPRING10"))]
    pub id: CodeId,
    pub off: Off,
    /// Most orders that it is on at one time; each person uses it once.
    #[schema(maximum = 1_000_000)]
    pub uses: u32,
    /// For this event alone.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub event: Option<EventId>,
    /// Not from this moment on; 0: for ever.
    #[serde(default)]
    #[schema(maximum = 253_402_300_799_999_u64)]
    pub until_ms: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Off {
    /// 1–100, of the price; rounded down.
    #[schema(value_type = Percent)]
    Percent(u8),
    /// In the currency's smallest unit; never more than the price.
    #[schema(value_type = Minor)]
    Minor(u64),
}

/// The bounds of [`Off`], for the description of the API.
#[derive(ToSchema)]
#[schema(minimum = 1, maximum = 100)]
#[allow(dead_code)]
struct Percent(u8);

/// As [`Percent`].
#[derive(ToSchema)]
#[schema(minimum = 1, maximum = 1_000_000_000)]
#[allow(dead_code)]
struct Minor(u64);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Uses {
    code: Code,
    people: BTreeSet<PersonId>,
}

#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Codes(BTreeMap<CodeId, Uses>);

impl Codes {
    #[must_use]
    pub fn used(&self, code: &str) -> usize {
        self.0.get(code).map_or(0, |uses| uses.people.len())
    }

    /// Idempotent; what is known stays.
    pub(super) fn open(&self, code: &Code) -> Decision {
        let id = code.id.as_str();
        let good_id = (1..=MAX_CODE).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        let good_off = match code.off {
            Off::Percent(percent) => (1..=100).contains(&percent),
            Off::Minor(minor) => (1..=MAX_PRICE_MINOR).contains(&minor),
        };
        let in_bounds = code.until_ms <= MAX_TIME_MS && code.uses <= MAX_USES;
        if !(good_id && good_off && in_bounds) {
            return Err(Refusal::BadListing);
        }
        if self.0.contains_key(&code.id) {
            return Ok((Vec::new(), Done::Noted));
        }
        match self.0.len() >= MAX_CODES {
            true => Err(Refusal::Crowded),
            false => Ok((vec![Fact::Goods(GoodsFact::Code(code.clone()))], Done::Noted)),
        }
    }

    /// What it takes off this order, in the currency's smallest unit.
    pub(super) fn discount_for(&self, id: &CodeId, order: &Order, now_ms: u64) -> Result<u64, Refusal> {
        let Uses { code, people } = self.0.get(id).ok_or(Refusal::UnknownCode)?;
        let fits = code.event.as_ref().is_none_or(|event| *event == order.event);
        if !fits || (code.until_ms > 0 && now_ms >= code.until_ms) {
            return Err(Refusal::UnknownCode);
        }
        let on_it_already = order.code.as_ref() == Some(id);
        let spent = people.contains(&order.person) || people.len() >= usize::try_from(code.uses).unwrap_or(usize::MAX);
        if Guard::CodeUses.forbids(spent && !on_it_already) {
            return Err(Refusal::CodeSpent);
        }
        let price_minor = order.places.price_minor;
        Ok(match code.off {
            Off::Percent(percent) => price_minor.saturating_mul(u64::from(percent)) / 100,
            Off::Minor(minor) => minor.min(price_minor),
        })
    }

    pub(super) fn add(&mut self, code: &Code) {
        let uses = Uses {
            code: code.clone(),
            people: BTreeSet::new(),
        };
        self.0.insert(code.id.clone(), uses);
    }

    /// Follows an order from one code to another; an order that is over gives its use back.
    pub(super) fn evolve(&mut self, before: Option<&CodeId>, order: &Order) {
        let now = order.code.as_ref().filter(|_| !order.stage.is_over());
        if before == now {
            return;
        }
        if let Some(uses) = before.and_then(|code| self.0.get_mut(code)) {
            uses.people.remove(&order.person);
        }
        if let Some(uses) = now.and_then(|code| self.0.get_mut(code)) {
            uses.people.insert(order.person.clone());
        }
    }
}
