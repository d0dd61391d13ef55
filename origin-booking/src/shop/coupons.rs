//! Coupons: a campaign of exactly so many, one a person, counted at the moment of issue.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::command::TakeCoupon;
use super::fact::{Fact, GoodsFact};
use super::guard::Guard;
use super::ids::{CampaignId, PersonId, is_plain_id};
use super::refusal::Refusal;
use super::{Decision, Done};

/// Most campaigns, and most coupons of one.
pub const MAX_CAMPAIGNS: usize = 1_000;
pub const MAX_COUPONS: u32 = 1_000_000;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    #[schema(value_type = String, pattern = "^[a-z0-9-]{1,40}$", examples("tea"))]
    pub id: CampaignId,
    /// Exactly so many are issued.
    #[schema(maximum = 1_000_000)]
    pub coupons: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Coupon {
    /// Counts from 1.
    pub number: u32,
    pub code: Arc<str>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Issuing {
    campaign: Campaign,
    issued: u32,
    of_person: BTreeMap<PersonId, Coupon>,
}

#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Coupons(BTreeMap<CampaignId, Issuing>);

impl Coupons {
    #[must_use]
    pub fn issued(&self, campaign: &str) -> u32 {
        self.0.get(campaign).map_or(0, |issuing| issuing.issued)
    }

    /// How many there are in all. `None`: there is no such campaign.
    #[must_use]
    pub fn size(&self, campaign: &str) -> Option<u32> {
        self.0.get(campaign).map(|issuing| issuing.campaign.coupons)
    }

    #[must_use]
    pub fn of(&self, campaign: &str, person: &str) -> Option<&Coupon> {
        self.0.get(campaign)?.of_person.get(person)
    }

    /// Idempotent; what is known keeps its number.
    pub(super) fn open(&self, campaign: &Campaign) -> Decision {
        if !is_plain_id(campaign.id.as_str()) || campaign.coupons > MAX_COUPONS {
            return Err(Refusal::BadListing);
        }
        if self.0.contains_key(&campaign.id) {
            return Ok((Vec::new(), Done::Noted));
        }
        if self.0.len() >= MAX_CAMPAIGNS {
            return Err(Refusal::Crowded);
        }
        Ok((vec![Fact::Goods(GoodsFact::Campaign(campaign.clone()))], Done::Noted))
    }

    pub(super) fn issue(&self, take: &TakeCoupon, now_ms: u64) -> Decision {
        let issuing = self.0.get(&take.campaign).ok_or(Refusal::UnknownCampaign)?;
        if let Some(had) = issuing.of_person.get(&take.person)
            && Guard::CouponOnce.forbids(true)
        {
            return Err(Refusal::CouponHad { number: had.number });
        }
        if Guard::CouponStock.forbids(issuing.issued >= issuing.campaign.coupons) {
            return Err(Refusal::CouponsGone);
        }
        let number = issuing.issued.saturating_add(1);
        let fact = Fact::Goods(GoodsFact::Coupon {
            campaign: take.campaign.clone(),
            person: take.person.clone(),
            number,
            code: Arc::clone(&take.code),
            at_ms: now_ms,
        });
        let code = Arc::clone(&take.code);
        Ok((vec![fact], Done::Coupon { number, code }))
    }

    pub(super) fn evolve(&mut self, fact: &GoodsFact) {
        match fact {
            GoodsFact::Campaign(campaign) => {
                let issuing = Issuing {
                    campaign: campaign.clone(),
                    issued: 0,
                    of_person: BTreeMap::new(),
                };
                self.0.insert(campaign.id.clone(), issuing);
            }
            GoodsFact::Coupon {
                campaign,
                person,
                number,
                code,
                ..
            } => {
                let Some(issuing) = self.0.get_mut(campaign) else {
                    return;
                };
                issuing.issued = *number;
                let code = Arc::clone(code);
                issuing
                    .of_person
                    .insert(person.clone(), Coupon { number: *number, code });
            }
            _ => {}
        }
    }
}
