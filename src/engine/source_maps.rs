//! Source maps (`sourceMaps: true`): where code says, in a data URL in its last line, what it was made from, stacks of errors
//! tell the places there.
//!
//! V8 asks for a stack's text when it is first read, in the guest's own time. A map is read then, and only then. It comes
//! from who wrote the code, maybe a tenant: whatever is wrong with it, the stack is as without it, and its size is bounded.

use std::collections::VecDeque;

use crate::engine::isolate::guest::Guest;
use crate::engine::isolate::task::Source;
use crate::engine::transfer::errors::own_data_property;
use crate::engine::transfer::{Text, guest as values};

/// Maps that are remembered, of the sources compiled last.
const MAPS: usize = 256;
/// Bytes that they may take together, before they are read.
const BYTES: usize = 32 << 20;
/// Places in one map.
const PLACES: usize = 1 << 20;
/// How far names of sources are followed.
const SOURCES: u32 = 4096;

const MARK: &[u8] = b"sourceMappingURL=data:application/json";

/// A place in the code, and where it came from.
#[derive(Clone, Copy)]
struct Place {
    line: u32,
    column: u32,
    source: u32,
    from_line: u32,
    from_column: u32,
}

#[derive(Default)]
struct Map {
    sources: Vec<String>,
    /// In the order of the code.
    places: Vec<Place>,
}

/// A map's JSON as it stands in a data URL.
#[derive(PartialEq, Debug)]
enum Inline {
    Base64(Vec<u8>),
    Percent(Vec<u8>),
}

impl Inline {
    fn size(&self) -> usize {
        let (Self::Base64(data) | Self::Percent(data)) = self;
        data.len()
    }
}

enum State {
    Unread(Inline),
    Read(Map),
}

struct Entry {
    filename: String,
    line: i32,
    column: i32,
    size: usize,
    state: State,
}

/// The maps of one guest's sources.
#[derive(Default)]
pub struct SourceMaps {
    entries: VecDeque<Entry>,
    size: usize,
}

impl SourceMaps {
    /// Remembers the map of a source that is compiled, if it brings one.
    pub fn note(&mut self, source: &Source) {
        let filename = source.origin.filename.to_string_lossy();
        // The same name once more is other code: the map of the last one would be wrong for it.
        if let Some(at) = self.entries.iter().position(|entry| entry.filename == filename) {
            self.forget(at);
        }
        let Some(data) = inline_map(&source.code) else { return };
        let size = data.size();
        if size > BYTES {
            return;
        }
        while self.entries.len() >= MAPS || self.size + size > BYTES {
            self.forget(0);
        }
        self.size += size;
        let Source { origin, .. } = source;
        let state = State::Unread(data);
        self.entries.push_back(Entry { filename, line: origin.line, column: origin.column, size, state });
    }

    fn forget(&mut self, at: usize) {
        if let Some(entry) = self.entries.remove(at) {
            self.size -= entry.size;
        }
    }

    /// Where a place, as V8 tells it, came from: `source:line:column`.
    fn find(
        &mut self,
        scope: &mut v8::PinScope<'_, '_>,
        name: &str,
        line: i32,
        column: i32,
    ) -> Option<String> {
        let entry = self.entries.iter_mut().find(|entry| entry.filename == name)?;
        if let State::Unread(data) = &mut entry.state {
            // Released before V8 runs: the map may be large.
            let json = decode(data);
            entry.state = State::Read(Map::default());
            if let Some(map) = json.and_then(|json| read(scope, json)) {
                entry.state = State::Read(map);
            }
        }
        let State::Read(map) = &entry.state else { return None };
        let line = line - 1 - entry.line;
        let column = column - 1 - if line == 0 { entry.column } else { 0 };
        let (line, column) = (u32::try_from(line).ok()?, u32::try_from(column).ok()?);
        let after = map.places.partition_point(|place| (place.line, place.column) <= (line, column));
        let place = map.places.get(after.checked_sub(1)?).filter(|place| place.line == line)?;
        let source = map.sources.get(place.source as usize)?;
        Some(format!("{source}:{}:{}", u64::from(place.from_line) + 1, u64::from(place.from_column) + 1))
    }
}

/// The map in the last line of a source that says `//# sourceMappingURL=data:application/json…,…`.
fn inline_map(code: &Text) -> Option<Inline> {
    let narrow: Vec<u8>;
    let code = match code {
        Text::One(bytes) => &**bytes,
        Text::Two(units) => {
            // What isn't ASCII can't be part of it.
            narrow = units.iter().map(|unit| u8::try_from(*unit).unwrap_or(b'?')).collect();
            &*narrow
        }
    };
    let end = code.iter().rposition(|byte| !byte.is_ascii_whitespace())? + 1;
    let start = code[..end].iter().rposition(|byte| *byte == b'\n' || *byte == b'\r').map_or(0, |at| at + 1);
    let line = code[start..end].trim_ascii_start();
    let line = line.strip_prefix(b"//#").or_else(|| line.strip_prefix(b"//@"))?.trim_ascii_start();
    let rest = line.strip_prefix(MARK)?;
    let comma = rest.iter().position(|byte| *byte == b',')?;
    let data = rest[comma + 1..].to_vec();
    Some(if rest[..comma].ends_with(b";base64") { Inline::Base64(data) } else { Inline::Percent(data) })
}

/// The value of a base64 digit.
fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

fn decode(data: &Inline) -> Option<Vec<u8>> {
    match data {
        Inline::Base64(data) => decode_base64(data),
        Inline::Percent(data) => Some(decode_percent(data)),
    }
}

/// A `%` that isn't followed by two digits is one (WHATWG URL, "percent-decode").
fn decode_percent(data: &[u8]) -> Vec<u8> {
    let hex = |at: usize| data.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(data.len());
    let mut at = 0;
    while let Some(byte) = data.get(at) {
        if *byte == b'%'
            && let (Some(high), Some(low)) = (hex(at + 1), hex(at + 2))
        {
            bytes.push((high << 4 | low) as u8);
            at += 3;
        } else {
            bytes.push(*byte);
            at += 1;
        }
    }
    bytes
}

fn decode_base64(data: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(data.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in data.iter().take_while(|byte| **byte != b'=') {
        bits = bits << 6 | u32::from(digit(*byte)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// Reads a map (ECMA-426), by V8's own `JSON.parse`: so its memory is the guest's. Maps in sections are not read.
fn read(scope: &mut v8::PinScope<'_, '_>, json: Vec<u8>) -> Option<Map> {
    v8::tc_scope!(let scope, scope);
    let json = String::from_utf8(json).ok()?;
    let json = values::str(scope, &json);
    let map = v8::json::parse(scope, json).and_then(|map| v8::Local::<v8::Object>::try_from(map).ok())?;
    let mappings = own_data_property(scope, map, "mappings")?;
    let mappings = v8::Local::<v8::String>::try_from(mappings).ok()?.to_rust_string_lossy(scope);
    let root = own_data_property(scope, map, "sourceRoot").filter(|root| root.is_string());
    let root = root.map_or_else(String::new, |root| root.to_rust_string_lossy(scope));
    let list = v8::Local::<v8::Array>::try_from(own_data_property(scope, map, "sources")?).ok()?;
    let mut sources = Vec::new();
    for i in 0..list.length().min(SOURCES) {
        let name = list.get_index(scope, i).filter(|name| name.is_string());
        let name = name.map_or_else(|| "<unknown>".into(), |name| name.to_rust_string_lossy(scope));
        let slash = if root.is_empty() || root.ends_with('/') { "" } else { "/" };
        sources.push(format!("{root}{slash}{name}"));
    }
    Some(Map { sources, places: places(mappings.as_bytes())? })
}

/// The places of `mappings`: differences in base64 VLQ, `,` between places and `;` between lines.
fn places(mappings: &[u8]) -> Option<Vec<Place>> {
    let mut places: Vec<Place> = Vec::new();
    let mut line = 0u32;
    // Column in the code, source, line and column there.
    let mut now = [0i64; 4];
    for of_line in mappings.split(|byte| *byte == b';') {
        now[0] = 0;
        let first = places.len();
        for segment in of_line.split(|byte| *byte == b',').filter(|segment| !segment.is_empty()) {
            let mut bytes = segment.iter();
            let mut count = 0;
            while let Some(difference) = vlq(&mut bytes)? {
                if let Some(number) = now.get_mut(count) {
                    *number += difference;
                }
                count += 1;
            }
            // A place with its column alone came from nowhere.
            if count >= 4 {
                let [column, source, from_line, from_column] = now.map(u32::try_from);
                let (column, source) = (column.ok()?, source.ok()?);
                let (from_line, from_column) = (from_line.ok()?, from_column.ok()?);
                places.push(Place { line, column, source, from_line, from_column });
                if places.len() > PLACES {
                    return None;
                }
            }
        }
        places[first..].sort_by_key(|place| place.column);
        line = line.checked_add(1)?;
    }
    Some(places)
}

/// The next number; `None` inside at the end, outside when it is no number.
fn vlq(bytes: &mut std::slice::Iter<'_, u8>) -> Option<Option<i64>> {
    let (mut value, mut shift) = (0i64, 0);
    loop {
        let Some(byte) = bytes.next() else { return if shift == 0 { Some(None) } else { None } };
        let digit = i64::from(digit(*byte)?);
        if shift > 30 {
            return None;
        }
        value |= (digit & 31) << shift;
        shift += 5;
        if digit & 32 == 0 {
            return Some(Some(if value & 1 == 0 { value >> 1 } else { -(value >> 1) }));
        }
    }
}

/// V8's question for the text of a stack (v8-isolate.h, `SetPrepareStackTraceCallback`). It puts V8's own way out of order,
/// which is done here again: `Error.prepareStackTrace` of the guest's first.
pub fn prepare_stack_trace<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    let undefined = v8::undefined(scope).into();
    v8::tc_scope!(let scope, scope);
    if let Some(value) = own_way(scope, error, sites) {
        return value;
    }
    if scope.has_caught() {
        // What the guest's function throws, whoever reads the stack gets.
        scope.rethrow();
        return undefined;
    }
    let mut text = match error.to_string(scope) {
        Some(head) => head.to_rust_string_lossy(scope),
        None => "<error>".into(),
    };
    scope.reset();
    for i in 0..sites.length() {
        let Some(site) = sites.get_index(scope, i) else { break };
        let Some(frame) = site.to_string(scope) else { break };
        let frame = frame.to_rust_string_lossy(scope);
        text.push_str("\n    at ");
        text.push_str(&mapped(scope, site, &frame).unwrap_or(frame));
    }
    scope.reset();
    values::str(scope, &text).into()
}

/// What `Error.prepareStackTrace` of the guest's gives, if there is one.
fn own_way<'s>(
    scope: &v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> Option<v8::Local<'s, v8::Value>> {
    let global = scope.get_current_context().global(scope);
    let class = global.get(scope, values::str(scope, "Error").into())?;
    let class = v8::Local::<v8::Object>::try_from(class).ok()?;
    let prepare = class.get(scope, values::str(scope, "prepareStackTrace").into())?;
    let prepare = v8::Local::<v8::Function>::try_from(prepare).ok()?;
    prepare.call(scope, class.into(), &[error, sites.into()])
}

/// A frame with the place where its code came from.
fn mapped<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    site: v8::Local<'s, v8::Value>,
    frame: &str,
) -> Option<String> {
    let object = v8::Local::<v8::Object>::try_from(site).ok()?;
    let ask = |scope: &v8::PinScope<'s, '_>, method: &str| {
        let method = object.get(scope, values::str(scope, method).into())?;
        v8::Local::<v8::Function>::try_from(method).ok()?.call(scope, object.into(), &[])
    };
    let name = ask(scope, "getFileName").filter(|name| name.is_string())?.to_rust_string_lossy(scope);
    let line = ask(scope, "getLineNumber")?.int32_value(scope)?;
    let column = ask(scope, "getColumnNumber")?.int32_value(scope)?;
    let here = format!("{name}:{line}:{column}");
    let (before, close) = match frame.strip_suffix(')') {
        Some(inside) => (inside.strip_suffix(&here)?, ")"),
        None => (frame.strip_suffix(&here)?, ""),
    };
    let guest = Guest::of(scope);
    let there = guest.source_maps.try_borrow_mut().ok()?.find(scope, &name, line, column)?;
    Some(format!("{before}{there}{close}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random bytes from an alphabet, from a seed (xorshift).
    fn random(seed: &mut u64, alphabet: &[u8], most: u64) -> Vec<u8> {
        let mut next = || {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            *seed
        };
        (0..next() % (most + 1)).map(|_| alphabet[(next() % alphabet.len() as u64) as usize]).collect()
    }

    fn rounds(n: u32) -> u32 {
        if cfg!(miri) { n / 200 } else { n }
    }

    #[test]
    fn mappings_are_read_or_refused_whatever_they_are() {
        let mut seed = 0x0bad_cafe_1234_5678;
        let mut read = 0;
        for _ in 0..rounds(100_000) {
            let mappings = random(&mut seed, b"AACDEGgh/9+;;,,*", 40);
            for place in places(&mappings).into_iter().flatten() {
                assert!(place.line as usize <= mappings.len());
                read += 1;
            }
        }
        assert!(read > 0);
    }

    #[test]
    fn numbers_in_mappings_have_an_end() {
        // 2^31 and more don't fit, however they are continued.
        assert!(vlq(&mut b"gggggggggggggA".iter()).is_none());
        assert!(vlq(&mut b"g".iter()).is_none());
        assert_eq!(vlq(&mut b"gB".iter()), Some(Some(16)));
        assert_eq!(vlq(&mut b"D".iter()), Some(Some(-1)));
        assert_eq!(vlq(&mut b"".iter()), Some(None));
    }

    #[test]
    fn comments_are_read_or_refused_whatever_they_are() {
        let mut seed = 0x1357_9bdf_0246_8ace;
        for _ in 0..rounds(20_000) {
            let tail = random(&mut seed, b"/#@ ;,=\r\nabA9", 20);
            let mut code = b"f();\n//# sourceMappingURL=data:application/json;base64,".to_vec();
            code.truncate(code.len().saturating_sub((seed % 60) as usize));
            code.extend(&tail);
            let wide = Text::Two(code.iter().copied().map(u16::from).collect());
            let found = inline_map(&Text::One(code.into()));
            assert_eq!(found, inline_map(&wide));
            let _ = found.and_then(|data| decode(&data));
        }
        let whole = b"f()\n//# sourceMappingURL=data:application/json;base64,e30=\n".to_vec();
        assert_eq!(inline_map(&Text::One(whole.into())).and_then(|data| decode(&data)), Some(b"{}".to_vec()));
        for (data, json) in
            [(",%7B%7d", "{}"), (";charset=utf-8,{\"a%\":%zz%2}", "{\"a%\":%zz%2}"), (",", "")]
        {
            let code = format!("f()\n//# sourceMappingURL=data:application/json{data}");
            let found = inline_map(&Text::One(code.into_bytes().into())).and_then(|data| decode(&data));
            assert_eq!(found, Some(json.as_bytes().to_vec()));
        }
    }
}
