//! Errors of the key-value store and of session values.

use std::fmt;

/// Failed operation of the key-value store or of session values. Nothing has changed, unless the text states otherwise.
/// [`StoreError::name`] is the name of the exception in `wasmcp.guest.kv` of Python.
///
/// ```
/// use wasmcp_guest::{kv::{self, StoreError}, testing};
///
/// let _store = testing::fake_kv();
/// let bucket = kv::open("")?;
/// bucket.set("word", "x")?;
/// assert_eq!(bucket.increment("word", 1), Err(StoreError::NotACounter));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The operation is not granted to the component, or the operator denies it.
    AccessDenied {
        /// `kv` or `sessions`.
        grant: &'static str,
        /// The rule of the grant that permits the bucket, for example `bucket:notes`; of a key in a bucket that is
        /// permitted for others, `{ bucket = "shared", prefix = "notes/" }`; or the empty string.
        rule: String,
    },
    /// The operator's store has no bucket of this name.
    NoSuchBucket(String),
    /// The client has no session, or it has ended.
    NoSession,
    /// The value of the key is not a counter, a signed integer of 64 bits.
    NotACounter,
    /// The counter would need more than 64 bits.
    OutOfRange,
    /// A key, a value or a batch is too large.
    LimitExceeded(String),
    /// The operator's store does not support the operation.
    UnsupportedOperation(String),
    /// A value is not of the requested type, or has no JSON form.
    Mismatch(String),
    /// Another error of the store, with its message.
    Other(String),
}

impl StoreError {
    /// Return the name that the error has in all guest libraries: that of the exception in Python.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AccessDenied { .. } => "AccessDeniedError",
            Self::NoSuchBucket(_) => "NoSuchBucketError",
            Self::NoSession => "NoSessionError",
            Self::NotACounter => "NotACounterError",
            Self::OutOfRange => "OutOfRangeError",
            Self::LimitExceeded(_) => "LimitExceededError",
            Self::UnsupportedOperation(_) => "UnsupportedOperationError",
            Self::Mismatch(_) => "ValueError",
            Self::Other(_) => "StoreError",
        }
    }

    /// Return the grant that is missing, if the operation is not permitted.
    pub fn grant(&self) -> Option<&'static str> {
        match self {
            Self::AccessDenied { grant, .. } => Some(grant),
            _ => None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sentence, detail) = match self {
            Self::AccessDenied { grant, rule } => {
                let fake = if *grant == "kv" {
                    "fake_kv"
                } else {
                    "LocalContext::session"
                };
                return out.write_str(&crate::not_granted(grant, rule, fake));
            }
            Self::NoSuchBucket(name) => {
                return write!(out, "the operator's store has no bucket of this name: `{name}`");
            }
            Self::NoSession => ("the client has no session, or it has ended", None),
            Self::NotACounter => (
                "the value of this key is not a counter, a signed integer of 64 bits",
                None,
            ),
            Self::OutOfRange => ("the counter would need more than 64 bits", None),
            Self::LimitExceeded(detail) => ("a key, a value or a batch is too large", Some(detail)),
            Self::UnsupportedOperation(detail) => {
                ("the operator's store does not support this operation", Some(detail))
            }
            Self::Mismatch(detail) => ("the value is not of the requested type", Some(detail)),
            Self::Other(detail) => ("the operation of the store failed", Some(detail)),
        };
        out.write_str(sentence)?;
        match detail.filter(|detail| !detail.is_empty()) {
            Some(detail) => write!(out, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StoreError {}
