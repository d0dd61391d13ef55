//! Live changes: what one takes the other sees, with nothing missed over a broken connection.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::Booth;

/// The messages of a stream, one at a time.
struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    async fn open(booth: &Booth, query: &str, last: Option<&str>) -> Stream {
        let mut request = booth.get(&format!("/api/v1/events/gala/changes{query}"));
        request = request.header("stanchion-pass", booth.signer.pass("onlooker"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream {
            response,
            text: String::new(),
        }
    }

    /// Event, id and data; `None` where the stream ended.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
                self.text = rest;
                let field = |name: &str| {
                    message
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|text| text.trim().to_owned())
                };
                if let (Some(event), Some(id), Some(data)) = (field("event:"), field("id:"), field("data:")) {
                    return Some((event, id, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(5), self.response.chunk()).await;
            self.text += std::str::from_utf8(&chunk.expect("a message in time").unwrap()?).unwrap();
        }
    }
}

#[tokio::test]
async fn what_one_takes_the_other_sees_and_nothing_is_missed() {
    let booth = Booth::open(10).await;
    let mut stream = Stream::open(&booth, "", None).await;
    let order = booth.ready("ada", 2).await;
    let (event, id, data) = stream.next().await.unwrap();
    assert_eq!((event.as_str(), &data["left"]), ("places", &json!(8)));
    drop(stream);
    // While nobody listens: one more is taken, and the first two come free.
    booth.ready("bob", 1).await;
    booth
        .asked("ada", Method::DELETE, &format!("/api/v1/holds/{order}"))
        .await;
    let mut stream = Stream::open(&booth, "", Some(&id)).await;
    let (_, _, data) = stream.next().await.unwrap();
    assert_eq!(data["left"], 9);
    // A number that this journal never had.
    let mut stream = Stream::open(&booth, "?after=999999", None).await;
    assert_eq!(stream.next().await.unwrap().0, "resync");
    let wrong = booth.seen("v", "/api/v1/events/gala/changes?after=x").await;
    assert_eq!((wrong.status, wrong.problem()), (StatusCode::BAD_REQUEST, "bad-query"));
    // Readers do not keep the service from stopping.
    let began = std::time::Instant::now();
    booth.running.stop().await;
    assert!(stream.next().await.is_none());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}
