//! What a context's maker withholds from the guest: code from strings, WebAssembly, shared memory, the clock, chance.

use super::*;

/// What is withheld.
#[derive(Clone, Copy, Default, Debug)]
pub struct Withheld {
    /// Bits: 1 code from strings, 2 WebAssembly, 4 `SharedArrayBuffer`.
    pub what: u32,
    /// The time that doesn't pass, in ms.
    pub frozen: Option<f64>,
    /// How coarse the clock is, in ms.
    pub resolution: Option<f64>,
    /// Where `Math.random` starts.
    pub seed: Option<u32>,
}

impl Withheld {
    const STRINGS: u32 = 1;

    fn needs_script(&self) -> bool {
        self.what & !Self::STRINGS != 0
            || self.frozen.is_some()
            || self.resolution.is_some()
            || self.seed.is_some()
    }

    /// Takes away what is withheld, in a context that no guest has seen.
    pub(super) fn apply<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        context: v8::Local<'s, v8::Context>,
    ) -> Result<(), Stop> {
        if self.needs_script() {
            let source = str(scope, include_str!("withhold.js"));
            let script = v8::Script::compile(scope, source, None).ok_or(Stop::Exception)?;
            let function = script.run(scope).ok_or(Stop::Exception)?;
            let function = v8::Local::<v8::Function>::try_from(function)
                .map_err(|_| Failure::Internal("no function".into()))?;
            let number = |n: Option<f64>| -> v8::Local<'s, v8::Value> {
                match n {
                    Some(n) => v8::Number::new(scope, n).into(),
                    None => v8::undefined(scope).into(),
                }
            };
            let arguments = [
                number(Some(f64::from(self.what))),
                number(self.frozen),
                number(self.resolution),
                number(self.seed.map(f64::from)),
            ];
            let receiver = v8::undefined(scope).into();
            function.call(scope, receiver, &arguments).ok_or(Stop::Exception)?;
        }
        if self.what & Self::STRINGS != 0 {
            context.set_allow_generation_from_strings(false);
        }
        Ok(())
    }
}
