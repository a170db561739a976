// Gradio ends the stream of its answers once none is due, and its client opens another with the next question. One that is
// asked in that very moment would never be answered: the client still takes the stream for open. So the client is given
// one stream that does not end; behind it the studio's follow one another while answers are due. Questions leave the page
// one after the other: two at once could reach the studio the wrong way round. And an answer waits until the client knows
// the name of its question: it would take one that came before that at once, ahead of older ones, for which it sets a timer.
(() => {
  const plain = window.fetch;
  const due = new Set();  // names of questions whose answers are to come
  let leaving = 0;  // questions that have no name yet
  let wake = () => {};  // the stream that waits for news of either
  let last = Promise.resolve();  // the question that was asked last
  const MESSAGE = /^data: \{"msg":"(\w+)","event_id":(?:"(\w+)"|null)/;

  async function question(request) {
    let name = null;
    leaving += 1;
    try {
      const reply = await plain(...request);
      if (reply.ok) {
        const said = await reply.json();
        name = said.event_id;
        reply.json = async () => said;  // nothing to wait for: the client knows the name before the timer goes off
      }
      return reply;
    } finally {
      setTimeout(() => {
        leaving -= 1;
        if (name) due.add(name);
        wake();
      });
    }
  }

  function ask(...request) {
    const put = () => question(request);
    last = last.then(put, put);
    return last;
  }

  function news() { return new Promise(resolve => { wake = resolve; }); }

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
        const [, kind, name] = MESSAGE.exec(message) || [];
        while (name && leaving && !due.has(name)) await news();
        if (kind === 'process_completed') due.delete(name);
        if (kind !== 'close_stream') yield `${message}\n\n`;
      }
      while (!due.size) await news();
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
