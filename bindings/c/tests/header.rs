//! Is include/nsiso.h what cbindgen makes of this crate today? `UPDATE=1 cargo test -p nsiso-capi` rewrites it.

use std::path::Path;
use std::{env, fs};

#[test]
fn the_committed_header_is_a_fresh_one() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = here.join("../../include/nsiso.h");
    let config = cbindgen::Config::from_file(here.join("cbindgen.toml")).unwrap();
    let bindings = cbindgen::generate_with_config(here, config).unwrap();
    let mut fresh = Vec::new();
    bindings.write(&mut fresh);
    if env::var_os("UPDATE").is_some() {
        fs::write(&committed, &fresh).unwrap();
    }
    let committed = fs::read_to_string(committed).unwrap();
    let fresh = String::from_utf8(fresh).unwrap();
    assert!(committed == fresh, "include/nsiso.h is stale: run UPDATE=1 cargo test -p nsiso-capi");
}

#[test]
fn the_headers_version_is_the_crates() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include/nsiso.h");
    let header = fs::read_to_string(committed).unwrap();
    let define = |name: &str| {
        let prefix = format!("#define NSISO_VERSION_{name} ");
        header.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
    };
    let version = ["MAJOR", "MINOR", "PATCH"].map(define).join(".");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}
