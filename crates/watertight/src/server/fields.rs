//! Counts the header fields of HTTP/2 requests before anything decodes them.
//!
//! A field that refers to the peer's table takes one byte to send and a copy
//! of name and value to decode, and h2 decodes all that a socket holds before
//! the first of those requests gets to us: 2 MiB came through each connection
//! that we ended at the ninth, two million fields. How many a block has can be
//! seen without decoding it (RFC 7541, 6): only lengths have to be followed.

use super::frames::{FrameHead, HEADERS};

const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// What PRIORITY puts in front of the block (RFC 9113, 6.2).
const PRIORITY_LEN: usize = 5;

/// Beside the fields that a request may have: `:method`, `:scheme`,
/// `:authority`, `:path`, `:protocol`.
const PSEUDO: usize = 5;

/// Fields in header blocks, and the blocks that have too many.
#[derive(Debug)]
pub(super) struct FieldCount {
    max: usize,
    /// The frame that payload belongs to.
    frame: Part,
    /// The block so far: fields, and where in one of them.
    fields: usize,
    at: At,
    overfull: u64,
}

/// What is left of the frame that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    /// Is it looked at?
    block: bool,
    /// The byte that gives the length of the padding is yet to come.
    padded: bool,
    ahead: usize,
    left: usize,
}

/// Where in a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Field,
    /// In an integer that says nothing about lengths; this many strings follow.
    Index { strings: u8 },
    /// Before the length of a string; this many more follow it.
    Length { more: u8 },
    /// In that length.
    Longer { so_far: usize, shift: u32, more: u8 },
    /// In a string.
    Text { left: usize, more: u8 },
}

impl FieldCount {
    /// Blocks with more than `max` fields are counted, beside pseudo-headers.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: max + PSEUDO,
            frame: Part::default(),
            fields: 0,
            at: At::default(),
            overfull: 0,
        }
    }

    /// Blocks that had too many fields so far, the present one included.
    pub(super) fn overfull(&self) -> u64 {
        self.overfull
    }

    /// A frame begins.
    pub(super) fn begin(&mut self, head: FrameHead) {
        let left = head.len as usize;
        let ends = head.flags & END_HEADERS != 0;
        if head.kind == HEADERS {
            (self.fields, self.at) = (0, At::Field);
            let priority = head.flags & PRIORITY != 0;
            self.frame = Part {
                // A field takes a byte at least.
                block: !ends || left > self.max,
                padded: head.flags & PADDED != 0,
                ahead: if priority { PRIORITY_LEN } else { 0 },
                left,
            };
        } else {
            self.frame = Part {
                block: head.kind == CONTINUATION,
                left,
                ..Part::default()
            };
        }
    }

    /// Payload of that frame.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        if !self.frame.block {
            return;
        }
        if self.frame.padded
            && let Some((padding, rest)) = bytes.split_first()
        {
            self.frame.padded = false;
            self.frame.left = self.frame.left.saturating_sub(1 + usize::from(*padding));
            bytes = rest;
        }
        let ahead = self.frame.ahead.min(bytes.len());
        self.frame.ahead -= ahead;
        self.frame.left = self.frame.left.saturating_sub(ahead);
        bytes = &bytes[ahead..];
        let block = bytes.len().min(self.frame.left);
        self.frame.left -= block;
        self.block(&bytes[..block]);
    }

    fn block(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = rest;
            self.at = match self.at {
                At::Field => self.field(byte),
                At::Index { strings } if byte & 0x80 != 0 => At::Index { strings },
                At::Index { strings: 0 } => At::Field,
                At::Index { strings } => At::Length { more: strings - 1 },
                At::Length { more } => match usize::from(byte & 0x7f) {
                    0x7f => At::Longer {
                        so_far: 0x7f,
                        shift: 0,
                        more,
                    },
                    left => At::text(left, more),
                },
                At::Longer {
                    so_far,
                    shift,
                    more,
                } => {
                    // h2 refuses lengths that go on for long; here they only have to end.
                    let part = usize::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
                    let so_far = so_far.saturating_add(part);
                    if byte & 0x80 == 0 {
                        At::text(so_far, more)
                    } else {
                        At::Longer {
                            so_far,
                            shift: (shift + 7).min(56),
                            more,
                        }
                    }
                }
                At::Text { left, more } => {
                    let passed = left.min(bytes.len() + 1);
                    bytes = &bytes[passed - 1..];
                    At::text(left - passed, more)
                }
            };
        }
    }

    /// The first byte of a representation.
    fn field(&mut self, byte: u8) -> At {
        let (prefix, strings) = match byte {
            0x80.. => (0x7f, 0),
            0x40.. => (0x3f, 1),
            // The size of the table: no field.
            0x20.. => {
                return if byte & 0x1f == 0x1f {
                    At::Index { strings: 0 }
                } else {
                    At::Field
                };
            }
            _ => (0x0f, 1),
        };
        self.fields += 1;
        if self.fields == self.max + 1 {
            self.overfull += 1;
        }
        match (byte & prefix, strings) {
            (index, strings) if index == prefix => At::Index { strings },
            (_, 0) => At::Field,
            // A name of its own comes first.
            (0, _) => At::Length { more: 1 },
            _ => At::Length { more: 0 },
        }
    }
}

impl At {
    /// In a string, or past it if it has ended.
    fn text(left: usize, more: u8) -> Self {
        match (left, more) {
            (0, 0) => Self::Field,
            (0, _) => Self::Length { more: more - 1 },
            (_, _) => Self::Text { left, more },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A field, and how it is written.
    #[derive(Clone, Debug)]
    enum Field {
        Indexed(usize),
        Named(u8, usize, usize),
        New(u8, usize, usize),
        TableSize(usize),
    }

    fn integer(first: u8, prefix: u8, mut value: usize, out: &mut Vec<u8>) {
        let max = usize::from(prefix);
        if value < max {
            out.push(first | u8::try_from(value).unwrap());
            return;
        }
        out.push(first | prefix);
        value -= max;
        while value >= 0x80 {
            out.push(0x80 | u8::try_from(value & 0x7f).unwrap());
            value >>= 7;
        }
        out.push(u8::try_from(value).unwrap());
    }

    fn string(len: usize, out: &mut Vec<u8>) {
        integer(0, 0x7f, len, out);
        // Bytes that would each be a field if they were taken for one.
        out.extend(vec![0xbe; len]);
    }

    fn encode(fields: &[Field]) -> Vec<u8> {
        let mut out = Vec::new();
        let literal = |kind: u8| match kind % 3 {
            0 => (0x40, 0x3f),
            1 => (0x10, 0x0f),
            _ => (0, 0x0f),
        };
        for field in fields {
            match *field {
                Field::Indexed(index) => integer(0x80, 0x7f, index + 1, &mut out),
                Field::Named(kind, index, value) => {
                    let (first, prefix) = literal(kind);
                    integer(first, prefix, index + 1, &mut out);
                    string(value, &mut out);
                }
                Field::New(kind, name, value) => {
                    out.push(literal(kind).0);
                    string(name, &mut out);
                    string(value, &mut out);
                }
                Field::TableSize(size) => integer(0x20, 0x1f, size, &mut out),
            }
        }
        out
    }

    fn field() -> impl Strategy<Value = Field> {
        prop_oneof![
            (0_usize..300).prop_map(Field::Indexed),
            (any::<u8>(), 0_usize..300, 0_usize..300)
                .prop_map(|(kind, index, value)| Field::Named(kind, index, value)),
            (any::<u8>(), 0_usize..20, 0_usize..20_000)
                .prop_map(|(kind, name, value)| Field::New(kind, name, value)),
            (0_usize..5_000).prop_map(Field::TableSize),
        ]
    }

    /// Frames of one block: their heads and payloads.
    fn frames(
        block: &[u8],
        cuts: &[usize],
        padding: u8,
        priority: bool,
    ) -> Vec<(FrameHead, Vec<u8>)> {
        let mut parts: Vec<&[u8]> = Vec::new();
        let mut rest = block;
        for cut in cuts {
            let (part, more) = rest.split_at((*cut).min(rest.len()));
            parts.push(part);
            rest = more;
        }
        parts.push(rest);
        let last = parts.len() - 1;
        let mut frames = Vec::new();
        for (at, part) in parts.into_iter().enumerate() {
            let mut flags = if at == last { END_HEADERS } else { 0 };
            let mut payload = Vec::new();
            if at == 0 {
                if padding > 0 {
                    flags |= PADDED;
                    payload.push(padding);
                }
                if priority {
                    flags |= PRIORITY;
                    payload.extend([0xff; PRIORITY_LEN]);
                }
            }
            payload.extend(part);
            if at == 0 {
                payload.extend(vec![0xff; usize::from(padding)]);
            }
            let head = FrameHead {
                len: u32::try_from(payload.len()).unwrap(),
                kind: if at == 0 { HEADERS } else { CONTINUATION },
                flags,
            };
            frames.push((head, payload));
        }
        frames
    }

    proptest! {
        #[test]
        fn fields_are_counted_however_the_bytes_come(
            blocks in prop::collection::vec(prop::collection::vec(field(), 0..30), 1..4),
            cuts in prop::collection::vec(0_usize..400, 0..3),
            chunk in 1_usize..300,
            padding: u8,
            priority: bool,
            max in 0_usize..25,
        ) {
            let mut count = FieldCount::new(max);
            let mut expected = 0;
            for fields in &blocks {
                for (head, payload) in frames(&encode(fields), &cuts, padding, priority) {
                    count.begin(head);
                    payload.chunks(chunk).for_each(|bytes| count.feed(bytes));
                }
                let many = fields.iter().filter(|field| !matches!(field, Field::TableSize(_))).count();
                expected += u64::from(many > max + PSEUDO);
                prop_assert_eq!(count.overfull(), expected);
            }
        }

        #[test]
        fn any_bytes_are_taken(
            heads in prop::collection::vec((any::<u32>(), any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20),
        ) {
            let mut count = FieldCount::new(3);
            for (len, kind, flags, payload) in heads {
                count.begin(FrameHead { len, kind: kind % 10, flags });
                count.feed(&payload);
            }
        }
    }
}
