//! The judge of heads, on its own: framing, sizes, packets, and a second opinion.

use proptest::prelude::*;

use super::*;

const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 16 * 1024,
    fields: 100,
    target_bytes: 8 * 1024,
};

/// The judge's verdict on a whole head, as the stream would come to it.
fn judged(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    match Scanner::default().look(bytes, &LIMITS)? {
        Scan::More => Ok(None),
        Scan::Complete(length) => parse(Bytes::copy_from_slice(&bytes[..length]), &LIMITS).map(Some),
    }
}

fn get(fields: &str) -> Result<Option<Head>, Refusal> {
    judged(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes())
}

fn post(fields: &str) -> Result<Framing, Refusal> {
    judged(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).map(|head| head.unwrap().framing)
}

#[test]
fn a_plain_head_is_read_as_it_is() {
    let head = judged(b"GET /a?b HTTP/1.1\r\nHost: a\r\nX: \t y z\t \r\nX:2\r\nConnection: Close\r\n\r\nrest")
        .unwrap()
        .unwrap();
    assert_eq!(
        (head.method.as_str(), &head.target[..], head.framing),
        ("GET", &b"/a?b"[..], Framing::Empty)
    );
    let values: Vec<_> = head.headers.get_all("x").iter().map(|v| v.to_str().unwrap()).collect();
    assert_eq!((values, head.last, head.old), (vec!["y z", "2"], true, false));
    assert!(judged(b"GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().last);
    assert!(judged(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap().is_none());
}

const BAD_LENGTHS: &[&str] = &[
    "+5",
    "-5",
    "-0",
    "0x5",
    "5 5",
    "5a",
    "",
    " ",
    "5.0",
    "05",
    "00",
    "\u{665}",
    "1e3",
    "9999999999999999999",
    "18446744073709551616",
    "\"5\"",
];

const BAD_CODINGS: &[&str] = &[
    "xchunked",
    "chunked, identity",
    "gzip, chunked",
    "identity",
    "chunked, chunked",
    "\"chunked\"",
    "chunked;q=1",
    "",
    "chun ked",
    ",chunked",
];

/// H1: framing is plain or refused.
#[test]
fn framing_has_one_reading() {
    let good = [
        ("", Framing::Empty),
        ("Content-Length: 0\r\n", Framing::Empty),
        ("Content-Length: 5\r\n", Framing::Length(5)),
        ("content-length:\t5 \r\n", Framing::Length(5)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("transfer-encoding: CHUNKED\r\n", Framing::Chunked),
    ];
    for (fields, want) in good {
        assert_eq!(post(fields), Ok(want), "{fields:?}");
    }
    for length in BAD_LENGTHS {
        assert_eq!(
            post(&format!("Content-Length: {length}\r\n")),
            Err(Refusal::LengthInvalid),
            "{length:?}"
        );
    }
    for coding in BAD_CODINGS {
        assert_eq!(
            post(&format!("Transfer-Encoding: {coding}\r\n")),
            Err(Refusal::Coding),
            "{coding:?}"
        );
    }
    assert_eq!(
        post("Content-Length: 5\r\nContent-Length: 5\r\n"),
        Err(Refusal::LengthTwice)
    );
    assert_eq!(post("Content-Length: 5, 5\r\n"), Err(Refusal::LengthTwice));
    assert_eq!(
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        Err(Refusal::LengthAndCoding)
    );
    assert_eq!(
        post("Transfer-Encoding: x\r\nContent-Length: y\r\n"),
        Err(Refusal::LengthAndCoding)
    );
    assert_eq!(
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        Err(Refusal::Coding)
    );
    let old = judged(b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(old.unwrap_err(), Refusal::CodingOnOldVersion);
    assert_eq!(get("Content-Length: 5\r\n").unwrap_err(), Refusal::BodyNotExpected);
}

/// H10: sizes, one past each.
#[test]
fn heads_are_bounded() {
    let fields = |n: usize| (0..n).map(|i| format!("x{i}: y\r\n")).collect::<String>();
    assert!(get(&fields(99)).unwrap().is_some(), "100 with Host");
    assert_eq!(get(&fields(100)).unwrap_err(), Refusal::TooManyFields);
    let value = |n: usize| format!("X: {}\r\n", "v".repeat(n));
    let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
    assert!(get(&value(LIMITS.head_bytes - frame)).unwrap().is_some());
    assert_eq!(
        get(&value(LIMITS.head_bytes - frame + 1)).unwrap_err(),
        Refusal::HeadTooLarge
    );
    let target = |n: usize| judged(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "p".repeat(n - 1)).as_bytes());
    assert!(target(LIMITS.target_bytes).unwrap().is_some());
    assert_eq!(target(LIMITS.target_bytes + 1).unwrap_err(), Refusal::TargetTooLong);
    assert_eq!(
        judged("G".repeat(10_000).as_bytes()).unwrap_err(),
        Refusal::TargetTooLong,
        "a request line without end"
    );
    let name = |n: usize| get(&format!("{}: y\r\n", "n".repeat(n)));
    assert!(name(MAX_NAME_BYTES).unwrap().is_some());
    assert_eq!(name(MAX_NAME_BYTES + 1).unwrap_err(), Refusal::FieldName);
}

/// H10: a head that arrives byte by byte is looked at once: the work grows with its length, not with its square.
#[test]
fn a_dripped_head_is_scanned_once() {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "v".repeat(15_000));
    let mut scanner = Scanner::default();
    for end in 1..head.len() {
        assert_eq!(scanner.look(&head.as_bytes()[..end], &LIMITS), Ok(Scan::More));
        assert!(scanner.seen == end, "everything before {end} is behind us");
    }
    assert_eq!(scanner.look(head.as_bytes(), &LIMITS), Ok(Scan::Complete(head.len())));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = judged(&bytes);
    }

    /// However a head is cut into packets, the verdict is the same.
    #[test]
    fn packets_do_not_matter(text in "(GET|P) /[a-z]{0,3} HTTP/1.1\r?\n([A-Za-z :\t]{1,6}\r?\n){0,3}\r\n", cuts in proptest::collection::vec(1usize..8, 1..20)) {
        let whole = Scanner::default().look(text.as_bytes(), &LIMITS);
        let (mut scanner, mut end, mut last) = (Scanner::default(), 0, Ok(Scan::More));
        for cut in cuts.iter().cycle() {
            end = (end + cut).min(text.len());
            last = scanner.look(&text.as_bytes()[..end], &LIMITS);
            if last != Ok(Scan::More) || end == text.len() {
                break;
            }
        }
        prop_assert_eq!(last, whole);
    }

    /// What is read as one head is read by an independent parser as the same one.
    #[test]
    fn an_independent_parser_agrees(text in "(GET|POST|get|G T) /[a-z%?#]{0,4} HTTP/1\\.[012]\r\n(([a-zA-Z_-]{1,4} ?: ?[a-z\t ,]{0,4}|[ \t]x)\r\n){0,3}\r\n") {
        if let Ok(Some(head)) = judged(text.as_bytes()) {
            let mut fields = [httparse::EMPTY_HEADER; 128];
            let mut other = httparse::Request::new(&mut fields);
            prop_assert_eq!(other.parse(text.as_bytes()).unwrap(), httparse::Status::Complete(text.len()));
            prop_assert_eq!(other.method, Some(head.method.as_str()));
            prop_assert_eq!(other.path.map(str::as_bytes), Some(&head.target[..]));
            let ours: Vec<(String, Vec<u8>)> = head.headers.iter().map(|(n, v)| (n.to_string(), v.as_bytes().to_vec())).collect();
            let mut theirs: Vec<(String, Vec<u8>)> = other.headers.iter().map(|f| (f.name.to_lowercase(), f.value.to_vec())).collect();
            theirs.sort();
            let mut ours = ours;
            ours.sort();
            prop_assert_eq!(ours, theirs);
        }
    }
}
