//! Writes small databases in MaxMind's format, version 2.0, after its published description
//! (<https://maxmind.github.io/MaxMind-DB/>): a binary search tree of two records a node, 16 zero bytes, a data section,
//! and a metadata map behind a marker. For tests only: no pointers, no deduplication, records of 24, 28 or 32 bits.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// A value of the data section.
#[derive(Clone, Debug)]
pub enum Value {
    Text(String),
    U16(u16),
    U32(u32),
    U64(u64),
    Array(Vec<Value>),
    Map(Vec<(String, Value)>),
}

pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Where a record of the tree points.
#[derive(Clone, Copy, Debug)]
enum Target {
    Nothing,
    Node(usize),
    /// Offset in the data section.
    Data(usize),
}

pub struct Writer {
    nodes: Vec<[Target; 2]>,
    data: Vec<u8>,
    kind: String,
    record_bits: u16,
    ip_version: u16,
}

impl Writer {
    /// An empty tree of IPv6, in which IPv4 addresses lie under `::/96`, or of IPv4 alone.
    pub fn new(kind: &str, record_bits: u16, ip_version: u16) -> Writer {
        Writer {
            nodes: vec![[Target::Nothing; 2]],
            data: Vec::new(),
            kind: kind.to_owned(),
            record_bits,
            ip_version,
        }
    }

    /// Says `value` of every address in `net`. A net added later must not hold an earlier one.
    pub fn add(mut self, net: &str, value: &Value) -> Writer {
        let net: IpNet = net.parse().unwrap();
        let (bits, length) = match (net.addr(), self.ip_version) {
            (IpAddr::V4(v4), 4) => (u128::from(v4.to_bits()) << 96, net.prefix_len()),
            (IpAddr::V4(v4), _) => (u128::from(v4.to_bits()), net.prefix_len() + 96),
            (IpAddr::V6(v6), _) => (Ipv6Addr::to_bits(v6), net.prefix_len()),
        };
        let offset = self.data.len();
        encode(value, &mut self.data);
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                self.nodes[node][side] = Target::Data(offset);
            } else if let Target::Node(next) = self.nodes[node][side] {
                node = next;
            } else {
                // A shorter net that ended here now covers both halves below.
                let above = self.nodes[node][side];
                self.nodes.push([above; 2]);
                let next = self.nodes.len() - 1;
                self.nodes[node][side] = Target::Node(next);
                node = next;
            }
        }
        self
    }

    pub fn finish(self) -> Vec<u8> {
        let count = self.nodes.len();
        let mut bytes = Vec::new();
        for pair in &self.nodes {
            let [left, right] = pair.map(|target| match target {
                Target::Nothing => count as u32,
                Target::Node(node) => node as u32,
                Target::Data(offset) => (count + 16 + offset) as u32,
            });
            match self.record_bits {
                24 => bytes.extend([&left.to_be_bytes()[1..], &right.to_be_bytes()[1..]].concat()),
                // The middle byte holds the high four bits of both.
                28 => {
                    bytes.extend(&left.to_be_bytes()[1..]);
                    bytes.push(((left >> 24) << 4 | right >> 24) as u8);
                    bytes.extend(&right.to_be_bytes()[1..]);
                }
                _ => bytes.extend([left.to_be_bytes(), right.to_be_bytes()].concat()),
            }
        }
        bytes.extend([0; 16]);
        bytes.extend(&self.data);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        encode(&self.metadata(), &mut bytes);
        bytes
    }

    fn metadata(&self) -> Value {
        map([
            ("binary_format_major_version", Value::U16(2)),
            ("binary_format_minor_version", Value::U16(0)),
            ("build_epoch", Value::U64(1_800_000_000)),
            ("database_type", text(&self.kind)),
            ("description", map([("en", text("made by a test"))])),
            ("ip_version", Value::U16(self.ip_version)),
            ("languages", Value::Array(vec![text("en")])),
            ("node_count", Value::U32(self.nodes.len() as u32)),
            ("record_size", Value::U16(self.record_bits)),
        ])
    }
}

/// A control byte (type in the upper three bits, size in the lower five; types above 7 have a byte of their own), then
/// the value.
fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            control(2, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::U16(number) => {
            control(5, 2, out);
            out.extend(number.to_be_bytes());
        }
        Value::U32(number) => {
            control(6, 4, out);
            out.extend(number.to_be_bytes());
        }
        Value::U64(number) => {
            control(9, 8, out);
            out.extend(number.to_be_bytes());
        }
        Value::Map(pairs) => {
            control(7, pairs.len(), out);
            for (key, value) in pairs {
                encode(&text(key), out);
                encode(value, out);
            }
        }
        Value::Array(items) => {
            control(11, items.len(), out);
            items.iter().for_each(|item| encode(item, out));
        }
    }
}

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    // 29: one more byte of size; 30: two; sizes beyond are not needed here.
    let (low, more): (u8, Vec<u8>) = match size {
        0..=28 => (size as u8, vec![]),
        29..=284 => (29, vec![(size - 29) as u8]),
        _ => (30, ((size - 285) as u16).to_be_bytes().to_vec()),
    };
    if kind > 7 {
        out.extend([low, kind - 7]);
    } else {
        out.push(kind << 5 | low);
    }
    out.extend(more);
}
