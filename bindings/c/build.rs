//! Gives libnsiso.so its soname: the version of its ABI, not of the release.

fn main() {
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnsiso.so.0");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,defs,-z,relro,-z,now");
    println!("cargo:rerun-if-changed=build.rs");
}
