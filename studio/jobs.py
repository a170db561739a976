"""Training in a process of its own: start, queue, resume, measure, throw away. What it does there is worker.py's.

Whatever is known of a run lies in its folder (see runs.py). One run is at work at a time in a folder of runs; one that
is started meanwhile waits there and is started by the process that ends, whether or not a page is open.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from studio.errors import StudioError
from studio.files import cure, locked, read_json, reason, sha1_of, unused, write_json, write_whole
from studio.knobs import as_dict
from studio.progress import Estimate
from studio.runs import LAST_WORDS, Run, born, latest, running, runs
from studio.settings import TrainSettings, whole_base

__all__ = ["Run", "latest", "running", "runs"]  # of runs.py, for who starts and follows one

ROOT = Path(__file__).resolve().parent.parent
# How long threads wait awake for one another. Where they wake slowly, as in a virtual machine on two cores, the default
# LoRA took 116 s with 1000, 72 with 5000, 66 with 10000, and 50 steps beside a busy core 24, 42 and 63.
SPINS = "5000"
LOCK = ".queue.lock"  # in a folder of runs: who starts one holds it
OF_ONE_RUN = ("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE",
              "ROLE_WORLD_SIZE", "ROLE_NAME", "MASTER_ADDR", "MASTER_PORT")  # what a run of many processes is told


def start_training(dataset: Path, settings: TrainSettings, run_folder: Path, *, out: Path | None = None,
                   resume: bool = False) -> Run:
    """Start a training in a process of its own, which goes on when this one ends.

    Where another one is at work in the same folder of runs, it waits for its turn in the queue.

    run_folder : its folder; a new run needs one that does not exist, `resume` one that does
    out        : where the finished LoRA is copied to as well
    Raises StudioError where the dataset is not there, or the run folder is not as it has to be.
    """
    run = Run(Path(run_folder).resolve())
    if not (Path(dataset) / "metadata.jsonl").is_file():
        raise StudioError(f"{dataset}: is no dataset; prepare sounds into it first")
    if run.queued or run.alive():
        raise StudioError(f"{run.name}: is still training or waits for it; stop it first, or choose another name")
    if run.folder.exists() and not resume:
        raise StudioError(f"{run.folder}: a run of this name exists; choose another name, or resume it")
    if resume and not run.resumable():
        raise StudioError(f"{run.folder}: holds no checkpoint to resume from; train without resume")
    return _enqueue(run, plan_of(dataset, settings, resume=resume, out=out))


def plan_of(dataset: Path, settings: TrainSettings, *, resume: bool = False, out: Path | None = None) -> dict[str, Any]:
    """What settings.json says of a run; it holds in any folder."""
    settings = dataclasses.replace(settings, base=whole_base(settings.base))
    return {"version": 1, "dataset": str(Path(dataset).resolve()), "train": as_dict(settings), "resume": resume,
            "out": str(Path(out).resolve()) if out else ""}


def resume(run: Run) -> Run:
    """Go on with a run that ended, from its last checkpoint, or from the beginning where there is none yet.

    Raises StudioError where it is at work or waits, and where its dataset is gone.
    """
    plan = read_json(run.folder / "settings.json")
    dataset = Path(plan["dataset"])
    if not (dataset / "metadata.jsonl").is_file():
        raise StudioError(f"{dataset}: the dataset of {run.name} is gone; prepare the same sounds into it again")
    if run.queued or not run.ended():
        raise StudioError(f"{run.name}: has not ended yet; wait a moment, or stop it first")
    return _enqueue(run, plan | {"resume": run.resumable()})


def _enqueue(run: Run, plan: Mapping[str, Any]) -> Run:
    write_json(run.folder / "settings.json", dict(plan))
    (run.folder / "stop").unlink(missing_ok=True)
    if (run.folder / "events.jsonl").exists():
        run.tell({"stage": "resume"})  # the last word of the process before is no longer the last
    (run.folder / "queued").touch()
    advance(run.folder.parent)
    return run


# ------------------------------------------------------------------------------------------------------- the queue
def queue(folder: Path) -> list[Run]:
    """The runs that wait for their turn, the first one first."""
    waiting = []
    for run in runs(folder):
        try:
            waiting.append(((run.folder / "queued").stat().st_mtime_ns, run))
        except FileNotFoundError:
            continue
    return [run for _, run in sorted(waiting, key=lambda each: each[0])]


def advance(folder: Path, *, ending: Run | None = None) -> Run | None:
    """Start the run of a folder whose turn it is: the one that waits longest, once none is at work; None where none is.

    ending : the run whose process asks, as the last thing that it does
    """
    if not queue(folder):
        return None
    with locked(folder / LOCK):
        if running(folder, apart_from=ending):
            return None
        for run in queue(folder):
            try:
                _start_process(run)
                return run
            except (StudioError, OSError) as error:  # one that cannot be started is not in the way of the next
                run.tell({"status": "failed", "error": f"{run.name}: could not be started ({error})"})
            finally:
                (run.folder / "queued").unlink(missing_ok=True)
        return None


def _start_process(run: Run) -> None:
    settings = run.settings()
    with (run.folder / "log.txt").open("ab") as log:
        process = _process(_command(run.folder, settings), settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    write_json(run.folder / "process.json", {"pid": process.pid, "started": born(process.pid)})


def _command(folder: Path, settings: TrainSettings) -> list[str]:
    if settings.processes == 1:
        return [sys.executable, "-m", "studio.worker", str(folder)]
    # torchrun, because `accelerate launch` starts several CPU processes only through MPI; accelerate reads its signs
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(settings.processes),
            "-m", "studio.worker", str(folder)]


def _process(command: list[str], settings: TrainSettings, **streams: Any) -> subprocess.Popen:
    """A process on all cores that gives way to whatever else wants them: the page, the musician's other programs.

    Where OMP_NUM_THREADS is set, whoever set it has shared the cores out: so many threads then, of the usual priority.
    """
    environment = _environment()
    shared_out = "OMP_NUM_THREADS" in environment
    if settings.processes > 1:  # torchrun would give each of them one thread
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // settings.processes)))
    # it outlives the window that the studio was started in, and a Ctrl-C there is not for it
    flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, creationflags=flags,
                               **streams)
    if not shared_out:
        _give_way(process.pid)
    return process


def _environment() -> dict[str, str]:
    """Without what tells the processes of a run that ends of one another: such a run starts the next."""
    ours = {name: value for name, value in os.environ.items()
            if name not in OF_ONE_RUN and not name.startswith("TORCHELASTIC")}
    if "RANK" in os.environ:  # the number is that run's own, too
        ours.pop("OMP_NUM_THREADS", None)
    return ours | {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS, "PYTORCH_ENABLE_MPS_FALLBACK": "1",
                   "PYTHONUNBUFFERED": "1"}


def _give_way(pid: int) -> None:
    """The lowest priority for a process in a session of its own, and for all that it starts.

    With half of the cores and the usual one, eight sounds beside a training on two cores took 4.1 s and a step 0.22;
    with both cores and this one they take 1.3 to 2.3 s, a step 0.16 while nothing else is wanted.
    """
    with contextlib.suppress(psutil.Error):  # it may have ended
        psutil.Process(pid).nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else 19)
    with contextlib.suppress(OSError):  # Linux weighs sessions there, and what is nice only within its own
        Path(f"/proc/{pid}/autogroup").write_text("19", encoding="utf-8")


def launched() -> bool:
    """Whether this process is one of several that a launcher started: `accelerate launch`, torchrun, srun."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def measure(dataset: Path, settings: TrainSettings) -> Estimate:
    """What a training would take, from a few real steps in a process of its own; nothing of them is kept.

    Raises StudioError as the training would before its first step.
    """
    plan = plan_of(dataset, settings)
    with _process([sys.executable, "-m", "studio.worker"], settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                  stderr=subprocess.PIPE, encoding="utf-8", errors="replace") as process:
        told, log = process.communicate(json.dumps(plan))
    try:
        found = json.loads(told.strip().rpartition("\n")[2])
    except ValueError as error:
        raise StudioError(f"the measuring ended unexpectedly; it said: …{log.strip()[-LAST_WORDS:]} "
                          "Start the training, whose log says more") from error
    if "error" in found:
        raise StudioError(found["error"])
    return Estimate(**found)


# -------------------------------------------------------------------------------------------- what becomes of a run
def throw_away(run: Run, trash: Path) -> Path:
    """Move an ended run with all that is in it into the trash folder; returns where it is, for `bring_back`.

    LoRAs that it handed over stay where they are. Raises StudioError where it has not ended or cannot be moved.
    """
    if run.queued or run.alive():
        raise StudioError(f"{run.name}: has not ended; stop it first, then throw it away")
    return _moved(run.folder, unused(Path(trash) / run.name))


def bring_back(thrown: Path, folder: Path) -> Run:
    """Undo `throw_away`: the run is back in its folder of runs, under its name where that is still free."""
    return Run(_moved(thrown, unused(Path(folder) / thrown.name)))


def _moved(folder: Path, to: Path) -> Path:
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder, to)
    except OSError as error:
        raise StudioError(f"{folder}: could not be moved to {to.parent} ({reason(error)}); {cure(error)}") from error
    return to


def lora_of(run: Run, folder: Path, *, best: bool = False) -> Path:
    """The LoRA of a run as a file in the folder of LoRAs, copied there where it is not yet.

    best : that of its best step, instead of its last
    Raises StudioError where there is none.
    """
    state = run.state()
    made, name = state.lora, run.name
    if best:
        made, name = run.folder / "best.safetensors", f"{run.name}_step_{state.best_step}"
    elif (out := Path(state.settings.get("out") or ".")).is_file() and out.parent == Path(folder).resolve():
        return out
    if made is None or not made.is_file():
        raise StudioError(f"{run.name}: has made no LoRA yet; let it train for a while")
    path = Path(folder) / f"{name}.safetensors"
    if path.exists() and sha1_of(path) != sha1_of(made):
        path = unused(path)
    return path if path.exists() else write_whole(path, lambda beside: shutil.copyfile(made, beside))
