import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lungbench.device import Device

devices = st.one_of(
    st.just(Device("cpu")),
    st.builds(Device, st.just("cpu"), threads=st.integers(1, 9999)),
    st.builds(Device, st.just("gpu"), index=st.integers(0, 999)),
    st.just(Device("gpu")),
)


@given(devices)
def test_a_device_reads_what_it_prints(device: Device) -> None:
    assert Device.parse(str(device)) == device


@given(devices, devices)
def test_different_devices_have_different_folder_names(one: Device, other: Device) -> None:
    assert (one == other) == (one.slug == other.slug)


@pytest.mark.parametrize(
    ("text", "slug"),
    [("cpu", "cpu"), ("cpu:threads=2", "cpu.t2"), ("gpu:0", "gpu.0"), ("gpu:all", "gpu.all")],
)
def test_a_slug_is_spelled_as_the_run_folder_contract_says(text: str, slug: str) -> None:
    assert Device.parse(text).slug == slug


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CPU",
        "gpu",
        "gpu:-1",
        "gpu:01",
        "cpu:threads=0",
        "cpu:threads=",
        "cpu:threads=2 ",
        "tpu:0",
    ],
)
def test_an_unknown_spelling_is_refused_with_the_accepted_ones(text: str) -> None:
    with pytest.raises(ValueError, match=r"cpu:threads=N .* gpu:all"):
        Device.parse(text)


@pytest.mark.parametrize("text", ["cpu", "cpu:threads=2", "gpu:0", "gpu:all"])
def test_tensorflow_suits_every_device(text: str) -> None:
    assert Device.parse(text).unsuited("tensorflow") is None


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("text", ["cpu", "cpu:threads=2", "gpu:0"])
def test_other_backends_suit_a_single_device(text: str, backend: str) -> None:
    assert Device.parse(text).unsuited(backend) is None


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_only_tensorflow_shares_a_training(backend: str) -> None:
    why = Device.parse("gpu:all").unsuited(backend)
    assert why == (
        "gpu:all shares a training by TensorFlow's MirroredStrategy; "
        f"{backend} trains on one GPU here, such as gpu:0"
    )


def test_a_run_on_all_gpus_hides_none() -> None:
    assert "CUDA_VISIBLE_DEVICES" not in Device.parse("gpu:all").environ()


def test_a_cpu_run_sees_no_gpu() -> None:
    environ = Device.parse("cpu:threads=3").environ()
    assert environ["CUDA_VISIBLE_DEVICES"] == "-1"
    assert environ["JAX_PLATFORMS"] == "cpu"


def test_threads_reach_every_library_that_sizes_a_pool() -> None:
    environ = Device.parse("cpu:threads=3").environ()
    assert {environ[name] for name in environ if name.endswith("_THREADS")} == {"3"}
    assert {"OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"} <= environ.keys()


def test_a_gpu_run_sees_that_gpu_in_bus_order() -> None:
    environ = Device.parse("gpu:2").environ()
    assert environ["CUDA_VISIBLE_DEVICES"] == "2"
    assert environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_a_device_travels_through_json_as_its_text() -> None:
    adapter = TypeAdapter(Device)
    assert adapter.dump_json(Device.parse("gpu:1")) == b'"gpu:1"'
    assert adapter.validate_json('"cpu:threads=4"') == Device("cpu", threads=4)
    with pytest.raises(ValidationError):
        adapter.validate_json("4")
