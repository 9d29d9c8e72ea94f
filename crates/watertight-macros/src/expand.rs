//! From an async function to a test that looks for what it leaves behind.

use crate::options::Options;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, ItemFn, Result, ReturnType, Visibility};

/// The test, as a function that libtest runs.
///
/// The async function moves into it unchanged, so that errors of the compiler
/// point into the author's code. Attributes stay outside, where `#[ignore]` and
/// `#[should_panic]` belong and where levels of lints hold for both.
pub(crate) fn test(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = Options::parse(options)?;
    let mut body: ItemFn = syn::parse2(item)?;
    check(&body)?;
    let attributes = std::mem::take(&mut body.attrs);
    let visibility = std::mem::replace(&mut body.vis, Visibility::Inherited);
    let name = &body.sig.ident;
    let builder = options.builder();
    let run = quote! {
        ::watertight::testing::run(
            #builder,
            ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
            #name,
        )
    };
    // `#[should_panic]` takes only functions that return nothing.
    let (output, run) = match &body.sig.output {
        ReturnType::Default => (quote!(), quote!(let _passed = #run;)),
        ReturnType::Type(..) => (quote!(-> ::std::process::ExitCode), run),
    };
    Ok(quote! {
        #[::core::prelude::v1::test]
        #(#attributes)*
        #visibility fn #name() #output {
            #body
            #run
        }
    })
}

fn check(body: &ItemFn) -> Result<()> {
    let sig = &body.sig;
    if sig.asyncness.is_none() {
        let said = "only an `async fn` needs a runtime: use `#[test]` for this one";
        return Err(Error::new_spanned(sig.fn_token, said));
    }
    if !sig.inputs.is_empty() {
        return Err(Error::new_spanned(&sig.inputs, "a test takes no arguments"));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new_spanned(&sig.generics, "a test can't be generic"));
    }
    match body.attrs.iter().find(|attribute| is_test(attribute)) {
        Some(second) => Err(Error::new_spanned(second, "this is a test already")),
        None => Ok(()),
    }
}

fn is_test(attribute: &Attribute) -> bool {
    let last = attribute.path().segments.last();
    last.is_some_and(|segment| segment.ident == "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(item: TokenStream) -> String {
        test(quote!(), item).unwrap_err().to_string()
    }

    #[test]
    fn the_body_moves_in_and_attributes_stay_outside() {
        let item = quote! {
            #[ignore]
            pub(crate) async fn works() -> Result<(), E> { Ok(()) }
        };
        let out: ItemFn = syn::parse2(test(quote!(), item).unwrap()).unwrap();
        assert!(out.sig.asyncness.is_none());
        assert_eq!(out.attrs.len(), 2);
        let syn::Stmt::Item(syn::Item::Fn(inner)) = &out.block.stmts[0] else {
            panic!("no function inside");
        };
        assert!(inner.sig.asyncness.is_some() && inner.attrs.is_empty());
        assert_eq!(inner.sig.ident, "works");
        assert!(matches!(out.sig.output, ReturnType::Type(..)));
    }

    #[test]
    fn what_is_no_test_is_refused() {
        assert!(
            said(quote!(
                fn f() {}
            ))
            .contains("use `#[test]`")
        );
        assert!(
            said(quote!(
                async fn f(n: u8) {}
            ))
            .contains("no arguments")
        );
        assert!(
            said(quote!(
                async fn f<T>() {}
            ))
            .contains("generic")
        );
        let twice = quote!(
            #[some_runtime::test]
            async fn f() {}
        );
        assert!(said(twice).contains("already"));
        assert!(
            !said(quote!(
                struct S;
            ))
            .is_empty()
        );
    }
}
