//! What stands in the parentheses of the attribute.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Error, LitBool, LitInt, LitStr, Result};

/// How the runtime of a test is built.
#[derive(Default)]
pub(crate) struct Options {
    flavor: Option<LitStr>,
    worker_threads: Option<LitInt>,
    start_paused: Option<LitBool>,
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut options = Self::default();
        syn::meta::parser(|meta| options.take(&meta)).parse2(tokens)?;
        options.check()?;
        Ok(options)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string);
        match name.as_deref() {
            Some("flavor") => once(&mut self.flavor, meta),
            Some("worker_threads") => once(&mut self.worker_threads, meta),
            Some("start_paused") => once(&mut self.start_paused, meta),
            _ => Err(meta
                .error("unknown option: there are `flavor`, `worker_threads` and `start_paused`")),
        }
    }

    fn check(&self) -> Result<()> {
        let flavor = self.flavor.as_ref().map(LitStr::value);
        let multi = match flavor.as_deref() {
            None | Some("current_thread") => false,
            Some("multi_thread") => true,
            Some(_) => {
                let said = "unknown flavor: there are \"current_thread\" and \"multi_thread\"";
                return Err(Error::new(
                    span(self.flavor.as_ref().map(LitStr::span)),
                    said,
                ));
            }
        };
        if let Some(workers) = &self.worker_threads {
            if !multi {
                let said = "`worker_threads` needs `flavor = \"multi_thread\"`";
                return Err(Error::new(workers.span(), said));
            }
            if workers.base10_parse::<usize>()? == 0 {
                return Err(Error::new(workers.span(), "needs at least one worker"));
            }
        }
        match &self.start_paused {
            Some(paused) if multi => Err(Error::new(
                paused.span(),
                "the clock can't be paused on a multi-thread runtime",
            )),
            _ => Ok(()),
        }
    }

    /// An expression that is a builder of the runtime.
    pub(crate) fn builder(&self) -> TokenStream {
        let multi = self.flavor.as_ref().map(LitStr::value) == Some("multi_thread".to_owned());
        let new = if multi {
            quote!(new_multi_thread)
        } else {
            quote!(new_current_thread)
        };
        let workers = self.worker_threads.iter();
        let paused = self.start_paused.iter();
        quote! {{
            let mut builder = ::watertight::testing::Builder::#new();
            #(builder.worker_threads(#workers);)*
            #(builder.start_paused(#paused);)*
            builder
        }}
    }
}

fn once<T: syn::parse::Parse>(place: &mut Option<T>, meta: &ParseNestedMeta<'_>) -> Result<()> {
    if place.is_some() {
        return Err(meta.error("given twice"));
    }
    *place = Some(meta.value()?.parse()?);
    Ok(())
}

fn span(span: Option<Span>) -> Span {
    span.unwrap_or_else(Span::call_site)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(tokens: TokenStream) -> String {
        Options::parse(tokens).err().unwrap().to_string()
    }

    fn builder(tokens: TokenStream) -> String {
        Options::parse(tokens).unwrap().builder().to_string()
    }

    #[test]
    fn options_reach_the_builder() {
        let plain = builder(quote!());
        assert!(plain.contains("new_current_thread"), "{plain}");
        assert!(!plain.contains("start_paused"), "{plain}");
        assert!(builder(quote!(start_paused = true,)).contains("start_paused (true)"));
        let multi = builder(quote!(flavor = "multi_thread", worker_threads = 2));
        assert!(multi.contains("new_multi_thread"), "{multi}");
        assert!(multi.contains("worker_threads (2)"), "{multi}");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(said(quote!(flavour = "x")).starts_with("unknown option: there are"));
        assert!(said(quote!(flavor = "x")).starts_with("unknown flavor"));
        assert!(said(quote!(worker_threads = 2)).contains("needs `flavor"));
        let zero = quote!(flavor = "multi_thread", worker_threads = 0);
        assert_eq!(said(zero), "needs at least one worker");
        let paused = quote!(flavor = "multi_thread", start_paused = true);
        assert!(said(paused).contains("can't be paused"));
        assert_eq!(
            said(quote!(start_paused = true, start_paused = true)),
            "given twice"
        );
        assert!(said(quote!(start_paused = 7)).contains("boolean"));
        assert!(!said(quote!(flavor)).is_empty());
    }
}
