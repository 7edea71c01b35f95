// In the place of the sandbox's line to its bot: a picture has none.
export const connect = () => {};

export const act = () => Promise.resolve({ ok: false, error: "This is a picture of a simulation. Nothing can be pressed." });
