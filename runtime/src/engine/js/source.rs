//! A module's text: as V8 reads it, and as its author wrote it.

use std::{ops::Range, sync::OnceLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use sourcemap::DecodedMap;
use v8::{Local, PinScope};

use crate::engine::LoadError;

/// The longest program, in bytes. What V8 needs to read one is a multiple of its length, and nothing else limits it.
const LEN_MAX: usize = 64 << 20;

/// How V8 names the module.
pub(super) const SCRIPT_NAME: &str = "spacetimedb_module";

/// Begins the comment that carries a map.
const MAP_COMMENT: &[u8] = b"//# sourceMappingURL=data:";
/// Ends what is said about the map's encoding.
const BASE64: &[u8] = b";base64,";

/// The text of a program. All its instances share it.
#[derive(Debug)]
pub(super) struct Source {
    bytes: Bytes,
    /// The part of it that is code.
    code: Range<usize>,
    /// The code if it is more than ASCII.
    wide: Option<Box<[u16]>>,
    /// The part of it that is a source map, in base64.
    map: Option<Range<usize>>,
    /// The map, if it is one. Read when it is first needed.
    decoded: OnceLock<Option<DecodedMap>>,
}

/// A place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Box<str>,
    /// Counted from 1.
    pub(super) line: u32,
    /// Counted from 1.
    pub(super) column: u32,
}

impl Source {
    /// Takes a program in.
    pub(super) fn new(bytes: &Bytes) -> Result<Self, LoadError> {
        if bytes.len() > LEN_MAX {
            return Err(LoadError::Invalid(format!(
                "it has {} bytes, and a JavaScript program may have {LEN_MAX}",
                bytes.len()
            )));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| LoadError::Invalid(format!("it is not a text in UTF-8: {error}")))?;
        let (code, map) = split(bytes);
        let wide = if bytes[code.clone()].is_ascii() {
            None
        } else {
            Some(text[code.clone()].encode_utf16().collect())
        };
        Ok(Self { bytes: bytes.clone(), code, wide, map, decoded: OnceLock::new() })
    }

    /// The code as a string of V8, which does not copy it.
    ///
    /// # Safety
    ///
    /// The source must live at least as long as the isolate.
    pub(super) unsafe fn code<'s>(&self, scope: &PinScope<'s, '_>) -> Option<Local<'s, v8::String>> {
        // SAFETY: Nobody writes to it. The caller keeps it alive, so there is nothing to free.
        unsafe {
            match &self.wide {
                Some(wide) => v8::String::new_external_twobyte_raw(
                    scope,
                    wide.as_ptr().cast_mut(),
                    wide.len(),
                    keep_twobyte,
                ),
                None => {
                    let code = &self.bytes[self.code.clone()];
                    v8::String::new_external_onebyte_raw(
                        scope,
                        code.as_ptr().cast_mut().cast(),
                        code.len(),
                        keep_onebyte,
                    )
                }
            }
        }
    }

    /// The place that its author knows for a place in the code. Both are counted from 1.
    pub(super) fn original(&self, line: u32, column: u32) -> Option<Place> {
        let map = self.decoded.get_or_init(|| self.decode_map()).as_ref()?;
        let token = map.lookup_token(line.checked_sub(1)?, column.checked_sub(1)?)?;
        Some(Place {
            file: token.get_source()?.into(),
            line: token.get_src_line().checked_add(1)?,
            column: token.get_src_col().checked_add(1)?,
        })
    }

    fn decode_map(&self) -> Option<DecodedMap> {
        let json = STANDARD.decode(&self.bytes[self.map.clone()?]).ok()?;
        sourcemap::decode_slice(&json).ok()
    }
}

unsafe extern "C" fn keep_onebyte(_: *mut std::ffi::c_char, _: usize) {}

unsafe extern "C" fn keep_twobyte(_: *mut u16, _: usize) {}

/// Where the code is, and where the map is that the last line carries.
fn split(bytes: &[u8]) -> (Range<usize>, Option<Range<usize>>) {
    let all = 0..bytes.len();
    let end = bytes.trim_ascii_end().len();
    let last_line = bytes[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = &bytes[last_line..end];
    if !line.starts_with(MAP_COMMENT) {
        return (all, None);
    }
    // What describes the encoding is short; the map may be long.
    let head = &line[..line.len().min(MAP_COMMENT.len() + 128)];
    match head.windows(BASE64.len()).position(|window| window == BASE64) {
        Some(at) => (0..last_line, Some(last_line + at + BASE64.len()..end)),
        None => (all, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(&Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn a_map_on_the_last_line_is_no_code() {
        let map = STANDARD
            .encode(r#"{"version":3,"sources":["src/index.ts"],"names":[],"mappings":"AAAA;AAEA,SAAS"}"#);
        for head in ["application/json;base64,", "application/json;charset=utf-8;base64,"] {
            for end in ["", "\n", "\r\n\n"] {
                let source = source(&format!("one;\ntwo;\n//# sourceMappingURL=data:{head}{map}{end}"));
                assert_eq!(&source.bytes[source.code.clone()], b"one;\ntwo;\n");
                let place = |line, column| Place { file: "src/index.ts".into(), line, column };
                assert_eq!(source.original(1, 1), Some(place(1, 1)));
                assert_eq!(source.original(2, 1), Some(place(3, 1)));
                assert_eq!(source.original(2, 11), Some(place(3, 10)));
                assert_eq!(source.original(0, 1), None);
            }
        }
    }

    #[test]
    fn what_is_no_map_stays_code() {
        for text in [
            "",
            "one",
            "//# sourceMappingURL=index.js.map",
            "one; //# sourceMappingURL=data:application/json;base64,AAAA",
            "//# sourceMappingURL=data:application/json;base64,AAAA\ntwo",
            "//# sourceMappingURL=data:application/json,{}",
        ] {
            let source = source(text);
            assert_eq!(source.code, 0..text.len(), "{text}");
            assert_eq!(source.original(1, 1), None);
        }
        for garbage in ["!!!", "AAAA", "", "e30=", "W10="] {
            let source = source(&format!("one\n//# sourceMappingURL=data:application/json;base64,{garbage}"));
            assert_eq!(source.original(1, 1), None, "{garbage}");
        }
    }

    #[test]
    fn programs_are_texts_of_some_length() {
        assert!(matches!(Source::new(&Bytes::from_static(b"\xff")), Err(LoadError::Invalid(_))));
        let long = Bytes::from(vec![b' '; LEN_MAX + 1]);
        assert!(matches!(Source::new(&long), Err(LoadError::Invalid(_))));
        assert!(source("let é = '\u{1f600}'").wide.is_some());
    }
}
