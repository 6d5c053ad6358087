//! Documents of issuers in the second draft of `wasi:keyvalue`.

const bindings = @import("bindings");
const documents = @import("lib").IssuerDocuments(bindings, bindings.wasi_keyvalue_0_2_0_draft2);

pub const exports = struct {
    pub const issuer_documents = struct {
        pub const get = documents.get;
        pub const set = documents.set;
    };
};
