// Gradio ends the stream of its answers once none is due, and its client opens another with the next question. One that is
// asked in that very moment would never be answered: the client still takes the stream for open. So the client is given
// one stream that does not end; behind it the studio's follow one another while answers are due. And questions leave the
// page one after the other: two at once could reach the studio the wrong way round.
(() => {
  const plain = window.fetch;
  const due = new Set(), early = new Set();  // events that are asked for; that were answered before the page knew their names
  let wake = () => {};  // the stream that waits until an answer is due
  let last = Promise.resolve();  // the question that was asked last
  const MESSAGE = /^data: \{"msg":"(\w+)","event_id":(?:"(\w+)"|null)/;

  async function question(request) {
    const reply = await plain(...request);
    if (reply.ok) {
      const event = (await reply.clone().json()).event_id;
      if (!early.delete(event)) {
        due.add(event);
        wake();
      }
    }
    return reply;
  }

  function ask(...request) {
    const put = () => question(request);
    last = last.then(put, put);
    return last;
  }

  async function* messages(reply) {
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = '', read = await reader.read(); !read.done; read = await reader.read()) {
      const parts = (text + read.value).split('\n\n');
      text = parts.pop();
      yield* parts;
    }
  }

  async function* answers(request) {
    for (;;) {
      const reply = await plain(...request);
      if (!reply.ok) throw new Error(`The studio does not answer: ${reply.status}.`);
      for await (const message of messages(reply)) {
        const [, kind, event] = MESSAGE.exec(message) || [];
        if (kind === 'process_completed' && !due.delete(event)) early.add(event);
        if (kind !== 'close_stream') yield `${message}\n\n`;
      }
      if (!due.size) await new Promise(resolve => { wake = resolve; });
    }
  }

  function listen(...request) {
    const told = answers(request);
    const stream = new ReadableStream({pull: async out => out.enqueue((await told.next()).value)});
    return Promise.resolve(new Response(stream.pipeThrough(new TextEncoderStream())));
  }

  window.fetch = (resource, options) => {
    const {pathname} = new URL(resource.url || resource, location.href);
    const how = pathname.endsWith('/queue/join') ? ask : pathname.endsWith('/queue/data') ? listen : plain;
    return how(resource, options);
  };
})();
