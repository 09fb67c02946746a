//! Bytes that carry the time they were signed at and a signature, as itsdangerous writes them.
//!
//! `content.time.signature`, each in Base64 for URLs without padding. The content has a point
//! in front where it is compressed; the signature is over all that stands before it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// What was in Base64, and whether it is compressed.
#[derive(Debug, PartialEq, Eq)]
pub struct Content {
    pub bytes: Vec<u8>,
    pub is_compressed: bool,
}

/// The keys of HMAC-SHA-1 signatures. The first one signs, each of them verifies.
pub struct Signer {
    keys: Vec<Hmac<Sha1>>,
}

impl Signer {
    /// ```
    /// use bustapi_core::signed::{Content, Signer};
    ///
    /// let signer = Signer::new([&b"current"[..], b"former"]);
    /// let content = Content { bytes: b"{}".to_vec(), is_compressed: false };
    /// let signed = signer.sign(&content, 1_700_000_000);
    ///
    /// assert_eq!(signer.open(&signed, 1_700_000_060, 60), Some(content));
    /// assert_eq!(signer.open(&signed, 1_700_000_061, 60), None);
    /// ```
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let keys = keys
            .into_iter()
            .map(|key| Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
            .collect();
        Self { keys }
    }

    /// Sign at a time in seconds.
    ///
    /// # Panics
    ///
    /// Without a key.
    #[must_use]
    pub fn sign(&self, content: &Content, time: u64) -> String {
        let mut signed = String::with_capacity(content.bytes.len() * 4 / 3 + 48);
        if content.is_compressed {
            signed.push('.');
        }
        URL_SAFE_NO_PAD.encode_string(&content.bytes, &mut signed);
        signed.push('.');
        let time = time.to_be_bytes();
        let zeros = time.iter().take_while(|&&byte| byte == 0).count();
        URL_SAFE_NO_PAD.encode_string(&time[zeros..], &mut signed);
        let signature = mac(&self.keys[0], signed.as_bytes())
            .finalize()
            .into_bytes();
        signed.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut signed);
        signed
    }

    /// Return what was signed, at most so many seconds ago.
    ///
    /// None is no verdict: it may also be written in a way that is valid and never written
    /// by [`Signer::sign`]. Nothing but the signature is read before that was verified, in a
    /// time that does not tell how much of it is right.
    #[must_use]
    pub fn open(&self, signed: &str, now: u64, max_age: u64) -> Option<Content> {
        let (value, signature) = signed.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.keys
            .iter()
            .find(|key| mac(key, value.as_bytes()).verify_slice(&signature).is_ok())?;

        let (content, time) = value.rsplit_once('.')?;
        let age = now.checked_sub(decode_time(time)?)?;
        if age > max_age {
            return None;
        }
        let (content, is_compressed) = match content.strip_prefix('.') {
            Some(content) => (content, true),
            None => (content, false),
        };
        Some(Content {
            bytes: URL_SAFE_NO_PAD.decode(content).ok()?,
            is_compressed,
        })
    }
}

fn mac(key: &Hmac<Sha1>, value: &[u8]) -> Hmac<Sha1> {
    let mut mac = key.clone();
    mac.update(value);
    mac
}

fn decode_time(text: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    if bytes.len() > 8 {
        return None;
    }
    Some(
        bytes
            .iter()
            .fold(0, |time, &byte| time << 8 | u64::from(byte)),
    )
}

/// Return whether zlib cannot make bytes shorter by two or more, which itsdangerous asks for
/// before it takes what was compressed. `false`: zlib is to be asked.
///
/// By a proof: no three bytes come twice, so nothing can be written as a repetition, and each
/// byte and the end are symbols. In a block of the fixed code a symbol of ASCII takes 8 bits.
/// Before the symbols of another code, each of at least 1 bit, stands its description of at
/// least 72: 17 for what it consists of, 36 for the lengths of its lengths (of up to 31
/// symbols one has a length of 4 or less, and that is the twelfth to be described), 16 for
/// the symbols below 32 and above 126 that are not used, 3 for those that are. 6 bytes are
/// around the block: with 18 bytes that makes 18 (RFC 1950, RFC 1951 3.2.7).
#[must_use]
pub fn is_incompressible(bytes: &[u8]) -> bool {
    const LONGEST: usize = 18;

    bytes.len() <= LONGEST
        && bytes.iter().all(|byte| (32..127).contains(byte))
        && bytes
            .windows(3)
            .enumerate()
            .all(|(index, three)| bytes[index + 1..].windows(3).all(|other| other != three))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> Content {
        Content {
            bytes: bytes.to_vec(),
            is_compressed: false,
        }
    }

    #[test]
    fn signatures_are_those_of_rfc_2202() {
        // Cases 1, 2, 3 and 6 of the RFC; the key of the last is longer than a block.
        let cases: [(&[u8], &[u8], &str); 4] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b617318655057264e28bc0b6fb378c8ef146be00",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
            ),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
        ];
        for (key, message, expected) in cases {
            let signer = Signer::new([key]);
            let found = mac(&signer.keys[0], message).finalize().into_bytes();
            let hex: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn what_is_signed_can_be_opened_with_any_of_the_keys() {
        let old = Signer::new([&b"old"[..]]);
        let new = Signer::new([&b"new"[..], b"older", b"old"]);
        let signed = old.sign(&content(b"{\"a\":1}"), 5);

        assert_eq!(new.open(&signed, 5, 0), Some(content(b"{\"a\":1}")));
        assert_eq!(old.open(&new.sign(&content(b"{}"), 5), 5, 0), None);
    }

    #[test]
    fn compressed_content_has_a_point_in_front() {
        let signer = Signer::new([&b"key"[..]]);
        let packed = Content {
            bytes: vec![0x78, 0x9c, 0xff],
            is_compressed: true,
        };

        let signed = signer.sign(&packed, 0);

        assert!(signed.starts_with(".eJz_.."), "{signed}");
        assert_eq!(signer.open(&signed, 0, 0), Some(packed));
    }

    #[test]
    fn a_time_to_come_and_one_too_long_ago_are_refused() {
        let signer = Signer::new([&b"key"[..]]);
        let signed = signer.sign(&content(b"{}"), 100);

        assert!(signer.open(&signed, 99, 1000).is_none());
        assert!(signer.open(&signed, 110, 10).is_some());
        assert!(signer.open(&signed, 111, 10).is_none());
    }

    #[test]
    fn whatever_single_character_is_changed_nothing_is_opened() {
        let signer = Signer::new([&b"key"[..]]);
        let signed = signer.sign(&content(b"{\"user\":7}"), 100);

        for index in 0..signed.len() {
            for other in ['A', 'B', '-', '.', '=', '\0', '~'] {
                let mut changed: Vec<char> = signed.chars().collect();
                if changed[index] == other {
                    continue;
                }
                changed[index] = other;
                let changed: String = changed.into_iter().collect();
                assert!(signer.open(&changed, 100, 10).is_none(), "{changed}");
            }
            assert!(signer.open(&signed[..index], 100, 10).is_none());
        }
    }

    #[test]
    fn content_is_not_decoded_before_its_signature_was_verified() {
        let signer = Signer::new([&b"key"[..]]);
        for signed in ["", ".", "..", "...", "a", "a.b", "a.b.c", "é.é.é", "a.b."] {
            assert_eq!(signer.open(signed, 0, 0), None);
        }
    }

    #[test]
    fn what_repeats_or_is_longer_is_left_to_zlib() {
        assert!(is_incompressible(b""));
        assert!(is_incompressible(b"{\"n\":2}"));
        assert!(is_incompressible(b"{\"_user_id\":\"1\"}"));
        assert!(!is_incompressible(b"aaaa"));
        assert!(!is_incompressible(b"abcxabc"));
        assert!(!is_incompressible(b"0123456789abcdefghi"));
        assert!(!is_incompressible(b"\x7f"));
        assert!(!is_incompressible("é".as_bytes()));
    }
}
