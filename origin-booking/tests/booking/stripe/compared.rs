//! The comparison with the provider's books: one difference of each kind is planted, and exactly these are found.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stanchion_testkit::wait_until_async;

use super::hooks::Style;
use super::open;
use crate::support::{Booth, now_s};

impl Booth {
    /// What a comparison finds that begins now.
    async fn compared(&self) -> Value {
        let begun = self.organise("/reconciliations", json!({"days": 2})).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.body);
        let done = wait_until_async(Duration::from_secs(20), async || {
            let found = self.differences().await;
            found["comparing"] == false && found["comparison"] != Value::Null
        });
        assert!(done.await);
        self.differences().await["comparison"].clone()
    }
}

fn intent(id: &str, metadata: Value, set_aside: u64, taken: u64) -> Value {
    json!({
        "id": id, "object": "payment_intent", "amount": 1_250, "amount_capturable": set_aside, "amount_received": taken,
        "currency": "eur", "created": now_s(), "metadata": metadata, "payment_method": "pm_card_visa",
        "status": if set_aside > 0 { "requires_capture" } else { "succeeded" }, "next_action": null, "latest_charge": null,
    })
}

fn of(order: &str) -> Value {
    json!({"stanchion_order": order, "stanchion_attempt": "1"})
}

#[tokio::test]
async fn one_difference_of_each_kind_is_planted_and_exactly_these_are_found() {
    let (booth, fake) = open(Style::Held).await;
    let mut orders = Vec::new();
    for visitor in ["fine", "missing", "amount", "currency", "there", "here"] {
        let order = booth.ready(visitor, 1).await;
        let paid = booth.pay(visitor, &order, "pm_card_visa").await;
        assert_eq!(paid.status, StatusCode::CREATED, "{}", paid.body);
        orders.push(order);
    }
    booth.organise("/refunds", json!({"order": orders[5]})).await;
    // Still under way, and nobody's business yet.
    booth.ready("held", 1).await;
    booth.pass_time(360_000);
    let clean = booth.compared().await;
    assert_eq!(
        (&clean["differences"], &clean["complete"]),
        (&json!([]), &json!(true)),
        "{clean}"
    );
    assert_eq!((&clean["payments"], &clean["foreign"]), (&json!(6), &json!(0)));

    fake.objects(|objects| {
        let planted = &mut objects.intents;
        (planted[1]["status"], planted[1]["amount_received"]) = (json!("canceled"), json!(0));
        planted[2]["amount_received"] = json!(1_000);
        planted[3]["currency"] = json!("usd");
        planted[4]["latest_charge"]["amount_refunded"] = json!(250);
        planted[5]["latest_charge"]["amount_refunded"] = json!(0);
        planted.push(intent("pi_nobody", of("nobody"), 0, 1_250));
        planted.push(intent("pi_held", of("gone"), 1_250, 0));
        // Somebody else's, on more than one page.
        planted.extend((0..150).map(|number| intent(&format!("pi_other_{number}"), json!({}), 0, 1_250)));
    });
    let found = booth.compared().await;
    assert_eq!(
        (&found["complete"], &found["foreign"]),
        (&json!(true), &json!(150)),
        "{found}"
    );
    let pairs = |found: &Value| -> BTreeSet<(String, String)> {
        let listed = found["differences"].as_array().unwrap().iter();
        let word = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        listed.map(|one| (word(one, "what"), word(one, "order"))).collect()
    };
    let wanted = [
        ("order-without-money", orders[1].as_str()),
        ("wrong-amount", &orders[2]),
        ("wrong-currency", &orders[3]),
        ("refunded-there", &orders[4]),
        ("not-refunded-there", &orders[5]),
        ("money-without-order", "nobody"),
        ("held-for-nobody", "gone"),
    ];
    let wanted: BTreeSet<_> = wanted.map(|(what, order)| (what.to_owned(), order.to_owned())).into();
    assert_eq!(pairs(&found), wanted, "{found:#}");
    assert_eq!(found["differences"].as_array().unwrap().len(), wanted.len());

    // What was held for nobody was let go; the rest is for people.
    let let_go = wait_until_async(Duration::from_secs(10), async || {
        fake.money().0 == 0 && booth.differences().await["unwanted"] == json!([])
    });
    assert!(let_go.await, "{:?}", fake.money());
    let after: BTreeSet<_> = wanted
        .into_iter()
        .filter(|(what, _)| what != "held-for-nobody")
        .collect();
    assert_eq!(pairs(&booth.compared().await), after);
}

/// Books that cannot be read whole accuse nobody.
#[tokio::test]
async fn a_comparison_that_is_cut_short_says_so() {
    let (booth, fake) = open(Style::Held).await;
    let order = booth.ready("v", 1).await;
    booth.pay("v", &order, "pm_card_visa").await;
    booth.pass_time(360_000);
    fake.will("list", &[super::Mood::Fails500; 3]);
    let found = booth.compared().await;
    assert_eq!(
        (&found["complete"], &found["differences"]),
        (&json!(false), &json!([])),
        "{found}"
    );
}
