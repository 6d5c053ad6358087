//! Request that a function handles: of the host, or of a unit test.

use crate::bindings::wasmcp::mcp_v20260728::{messages, types};
use crate::kv::RawSession;
#[cfg(not(target_family = "wasm"))]
use std::rc::Rc;

/// The WIT resource `request`, or its fake.
pub(crate) enum Call {
    /// It outlives the call: its creator drops it after the [`Context`](crate::Context).
    Host(*const messages::Request),
    #[cfg(not(target_family = "wasm"))]
    Local(Rc<crate::testing::LocalCall>),
}

macro_rules! delegated {
    ($($name:ident($($argument:ident: $kind:ty),*) $(-> $output:ty)?;)*) => {
        $(pub fn $name(&self, $($argument: $kind),*) $(-> $output)? {
            match self {
                Self::Host(request) => host(request).$name($($argument),*),
                #[cfg(not(target_family = "wasm"))]
                Self::Local(call) => call.$name($($argument),*),
            }
        })*
    };
}

fn host(request: &*const messages::Request) -> &messages::Request {
    // SAFETY: functions borrow the context for their call, during which the request lives.
    unsafe { &**request }
}

impl Call {
    delegated! {
        id() -> String;
        arguments() -> Option<String>;
        meta() -> Option<String>;
        protocol_version() -> String;
        client_capabilities() -> String;
        identity() -> Option<messages::Identity>;
        session() -> Option<String>;
        target() -> Option<String>;
        http() -> Option<messages::HttpFacts>;
        client_request(method: &str, params: &str, key: Option<&str>) -> Result<messages::ClientResponse, types::Error>;
        stored_value(name: &str) -> Option<String>;
        store_value(name: &str, value: &str) -> Result<(), types::Error>;
        progress(progress: f64, total: Option<f64>, message: Option<&str>);
        log(level: types::LogLevel, logger: Option<&str>, data: &str);
        cancelled() -> bool;
        notify_tools_changed();
        notify_prompts_changed();
        notify_resources_changed();
        notify_resource_updated(uri: &str);
    }

    /// Return the session values of this component.
    pub fn session_values(&self) -> Box<dyn RawSession + '_> {
        match self {
            #[cfg(target_family = "wasm")]
            Self::Host(request) => Box::new(crate::kv::wasi::SessionValues(host(request))),
            #[cfg(not(target_family = "wasm"))]
            Self::Host(_) => unreachable!("a host runs WebAssembly"),
            #[cfg(not(target_family = "wasm"))]
            Self::Local(call) => Box::new(call.values()),
        }
    }
}
