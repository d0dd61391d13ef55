//! Names of things: text that is shared, not copied, and cannot be taken for another kind of name.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $id:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $id(Arc<str>);

        impl $id {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $id {
            fn from(text: &str) -> $id {
                $id(text.into())
            }
        }

        impl From<String> for $id {
            fn from(text: String) -> $id {
                $id(text.into())
            }
        }

        // Maps are asked by plain text.
        impl Borrow<str> for $id {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// The pass's subject.
    PersonId
);
name!(
    /// An event on offer: 1–40 characters of `[a-z0-9-]`; part of addresses.
    EventId
);
name!(
    /// An order's reference. Random, made by the caller, read out at the door.
    OrderId
);
name!(
    /// A campaign of coupons.
    CampaignId
);
name!(
    /// A discount code as people type it.
    CodeId
);
name!(PollId);
name!(
    /// Something that others are told: `msg_`, an order's reference, what happened.
    MessageId
);
name!(
    /// Somebody who is told.
    TargetId
);

/// What an id of the organiser's may be: 1–40 characters of `[a-z0-9-]`.
#[must_use]
pub fn is_plain_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(plain)
}
