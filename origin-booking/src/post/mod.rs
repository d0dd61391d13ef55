//! After the sale: carries what is news to those who asked for it, over and over until it has arrived or is put aside.
//! What is to be told, and when it is tried again, is decided by the order processor; here is only the carrying.

mod courier;
mod mail;
mod settings;
mod webhook;
pub(crate) mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

pub(crate) use courier::Courier;
pub use settings::{AfterSale, Endpoint, MailSettings, Relay, Secret};

use crate::shop::Sale;
use crate::shop::catalogue::Event;
use crate::shop::ids::{MessageId, TargetId};
use crate::shop::order::Order;
use crate::shop::outbox::{Kind, Outcome};
use crate::shown;
use crate::tickets::Link;

/// One message for one target, with all that is told.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Letter {
    pub(crate) id: MessageId,
    pub(crate) target: TargetId,
    pub(crate) kind: Kind,
    /// When it happened.
    pub(crate) at_ms: u64,
    /// As it was then.
    pub(crate) about: Order,
    /// The same in the words of the API.
    pub(crate) order: Value,
    pub(crate) event: Option<Event>,
    /// Where its tickets are, without the site's name.
    pub(crate) link: Option<String>,
    /// Where its buyer goes on with it; so too.
    pub(crate) own: Option<String>,
}

impl Letter {
    pub(crate) fn of(sale: &Sale, id: &MessageId, target: &TargetId) -> Option<Letter> {
        let message = sale.outbox().message(id.as_str())?;
        let offer = sale.offer(message.order.event.as_str());
        let without_plan = |event: &Event| Event {
            hall: None,
            ..event.clone()
        };
        let (key, id_of_order) = (sale.doors().key(), message.order.id.as_str());
        Some(Letter {
            id: id.clone(),
            target: target.clone(),
            kind: message.kind,
            at_ms: message.at_ms,
            about: message.order.clone(),
            order: serde_json::to_value(shown::order(&message.order, offer)).unwrap_or_default(),
            link: key.map(|key| format!("/tickets/{}", Link::Tickets.to(id_of_order, key))),
            own: key.map(|key| format!("/orders/{}", Link::Order.to(id_of_order, key))),
            event: offer.map(|offer| without_plan(offer.event())),
        })
    }
}

/// One for each that is told.
pub(crate) fn carriers(after_sale: &AfterSale) -> anyhow::Result<BTreeMap<TargetId, Arc<dyn Carrier>>> {
    let mut carriers: BTreeMap<TargetId, Arc<dyn Carrier>> = BTreeMap::new();
    for endpoint in &after_sale.endpoints {
        let webhook = webhook::Webhook::new(endpoint.clone())?;
        carriers.insert(endpoint.name.as_str().into(), Arc::new(webhook));
    }
    if let Some(settings) = &after_sale.mail {
        carriers.insert(settings::MAIL.into(), Arc::new(mail::Mail::new(settings)?));
    }
    Ok(carriers)
}

#[async_trait]
pub(crate) trait Carrier: Send + Sync {
    /// Ends within a minute.
    async fn carry(&self, letter: &Letter, now_ms: u64) -> Outcome;
}
