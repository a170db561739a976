// Asks with the latest wish, one request at a time: what is wished meanwhile is asked next, what lies between is left
// out, so that nothing queues up while a slider moves.
function latestWins(ask, failed) {
  let wanted = null, asking = false;
  return async wish => {
    wanted = wish;
    if (asking) return;
    asking = true;
    try {
      while (wanted) {
        const asked = wanted;
        wanted = null;
        await ask(asked);
      }
    } catch (error) {
      failed(error);
    } finally { asking = false; }
  };
}
