//! Values of a client's session, for components with the grant `sessions`.

use super::{shared_methods, RawSession, StoreError, Value, ATTEMPTS};
use crate::Context;
use serde::de::DeserializeOwned;
use serde::Serialize;

/// Session of the client, with the values that this component stores in it until the session ends. Each component has
/// separate values, and so has each authenticated user. It is returned by [`Context::session`].
///
/// ```
/// use wasmcp_guest::{testing::LocalContext, Context, Failure};
///
/// fn visits(context: &Context) -> Result<i64, Failure> {
///     let session = context.session().ok_or(Failure::new("this client has no session"))?;
///     session.update("names", |names: Option<Vec<String>>| names.unwrap_or_default())?;
///     Ok(session.increment("visits", 1)?)
/// }
///
/// let context = LocalContext::new().with_session("s1");
/// assert_eq!((visits(&context).unwrap(), visits(&context).unwrap()), (1, 2));
/// assert!(visits(&LocalContext::new()).is_err());
/// ```
pub struct Session<'a> {
    pub(crate) context: &'a Context,
    /// The identifier of the session: for logs, do not send it to clients.
    pub id: String,
}

impl Session<'_> {
    fn raw(&self) -> Box<dyn RawSession + '_> {
        self.context.request().session_values()
    }

    shared_methods!();

    /// Return all keys, in the order of the store.
    pub fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.raw().keys()
    }
}
