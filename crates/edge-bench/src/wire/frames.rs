//! HTTP/2 frames (RFC 9113) and header blocks (RFC 7541).

/// What a client says first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes before a frame's payload.
pub(crate) const HEAD: usize = 9;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Also ACK, on SETTINGS and PING.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Appends a frame. Payloads are made here and are shorter than 2^24.
pub(crate) fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// The preface and the client's settings, each an identifier and a value.
pub(crate) fn hello(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (id, value) in settings {
        payload.extend_from_slice(&id.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    let mut out = PREFACE.to_vec();
    frame(&mut out, SETTINGS, 0, 0, &payload);
    out
}

/// A frame's head: payload length, kind, flags, stream.
pub(crate) fn head(bytes: &[u8]) -> Option<(usize, u8, u8, u32)> {
    let head = bytes.get(..HEAD)?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
    Some((length, head[3], head[4], stream))
}

/// `:method` GET, `:scheme` http.
pub(crate) const GET: &[u8] = &[0x82, 0x86];

/// `:method` POST, `:scheme` http.
pub(crate) const POST: &[u8] = &[0x83, 0x86];

/// Names of the static table.
pub(crate) const AUTHORITY: u8 = 1;
pub(crate) const PATH: u8 = 4;
pub(crate) const CONTENT_TYPE: u8 = 31;

/// A string that is not Huffman-coded.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    integer(out, 0x00, 7, text.len());
    out.extend_from_slice(text);
}

/// An integer in what is left of a byte and as many more as it takes (RFC 7541, 5.1).
fn integer(out: &mut Vec<u8>, pattern: u8, bits: u32, value: usize) {
    let most = (1_usize << bits) - 1;
    let byte = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
    if value < most {
        return out.push(pattern | byte(value));
    }
    out.push(pattern | byte(most));
    let mut rest = value - most;
    while rest >= 128 {
        out.push(0x80 | byte(rest % 128));
        rest /= 128;
    }
    out.push(byte(rest));
}

/// A header whose name is in the static table; the dynamic table gets it.
pub(crate) fn indexed_name(out: &mut Vec<u8>, name: u8, value: &[u8]) {
    integer(out, 0x40, 6, usize::from(name));
    string(out, value);
}

/// A header of any name; the dynamic table gets it.
pub(crate) fn new_name(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.push(0x40);
    string(out, name);
    string(out, value);
}

/// The header block of a request without a body, self-contained: nothing of it
/// depends on what was sent before.
pub(crate) fn plain_request(method: &[u8], path: &str) -> Vec<u8> {
    let mut block = method.to_vec();
    // Without indexing: the same bytes serve every stream.
    integer(&mut block, 0x00, 4, usize::from(PATH));
    string(&mut block, path.as_bytes());
    integer(&mut block, 0x00, 4, usize::from(AUTHORITY));
    string(&mut block, b"localhost");
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_as_they_were_written() {
        let mut out = Vec::new();
        frame(&mut out, HEADERS, END_HEADERS, 5, b"abc");
        assert_eq!(head(&out), Some((3, HEADERS, END_HEADERS, 5)));
        assert_eq!(&out[HEAD..], b"abc");
        assert_eq!(head(&out[..8]), None);
    }

    #[test]
    fn integers_are_coded_as_in_the_rfc() {
        // RFC 7541, C.1.1 to C.1.3.
        let coded = |bits, value| {
            let mut out = Vec::new();
            integer(&mut out, 0, bits, value);
            out
        };
        assert_eq!(coded(5, 10), [10]);
        assert_eq!(coded(5, 1_337), [31, 154, 10]);
        assert_eq!(coded(8, 42), [42]);
    }
}
