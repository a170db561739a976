// Gradio ends the stream of its answers once none is due. A question that is asked in that very moment would never be
// answered: its client still takes the stream for open. So the end is kept from it while answers are due, and the stream
// goes on with the next one; and a question that is asked once the end is on its way to the client comes after it.
(() => {
  const plain = window.fetch;
  const asking = new Set();  // questions that are on their way
  const due = new Set(), early = new Set();  // events that are asked for; that were answered before the page knew their names
  let ended = Promise.resolve();  // once the client knows of the last end that was passed on to it
  let last = ended;  // the question that was asked last
  const MESSAGE = /^data: \{"msg":"(\w+)","event_id":(?:"(\w+)"|null)/;

  async function question(request) {
    const reply = await plain(...request);
    if (reply.ok) {
      const event = (await reply.clone().json()).event_id;
      if (!early.delete(event)) due.add(event);
    }
    return reply;
  }

  async function ask(...request) {
    const put = () => question(request), asked = last.then(put, put);
    last = asked;
    asking.add(asked);
    try {
      const reply = await asked;
      await ended;
      return reply;
    } finally { asking.delete(asked); }
  }

  async function* messages(reply) {
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = '', read = await reader.read(); !read.done; read = await reader.read()) {
      const parts = (text + read.value).split('\n\n');
      text = parts.pop();
      yield* parts;
    }
  }

  async function* answers(reply, request) {
    for await (const message of messages(reply)) {
      const [, kind, event] = MESSAGE.exec(message) || [];
      if (kind === 'process_completed' && !due.delete(event)) early.add(event);
      if (kind === 'close_stream') {
        await Promise.allSettled(asking);
        const next = due.size ? await plain(...request) : null;
        if (next && next.ok) {
          yield* answers(next, request);
          return;
        }
        const {signal} = request[0];  // of a Request: the client calls it off when it hears of the end
        if (signal && !signal.aborted) ended = new Promise(resolve => signal.addEventListener('abort', resolve));
      }
      yield `${message}\n\n`;
    }
  }

  async function listen(...request) {
    const reply = await plain(...request);
    if (!reply.ok) return reply;
    const told = answers(reply, request), {status, headers} = reply;
    const body = new ReadableStream({
      async pull(out) {
        const {value, done} = await told.next();
        if (done) out.close(); else out.enqueue(value);
      },
    });
    return new Response(body.pipeThrough(new TextEncoderStream()), {status, headers});
  }

  window.fetch = (resource, options) => {
    const {pathname} = new URL(resource.url || resource, location.href);
    const how = pathname.endsWith('/queue/join') ? ask : pathname.endsWith('/queue/data') ? listen : plain;
    return how(resource, options);
  };
})();
