"""Order of the axes of a user's arrays: where the channels are."""

from typing import Annotated, Any, Literal, get_args

from numpy.typing import NDArray
from pydantic import Field

from dann.errors import BadInput

Layout = Literal["ncl", "nlc", "nchw", "nhwc", "nhw"]
Range = Annotated[list[float], Field(min_length=2, max_length=2)]  # the values of black and white
COLOURS = (1, 3)  # channels of grey and RGB images
FEW, MANY = 16, 8  # series of at most FEW channels that are MANY times as long need no layout


def series_to_channels_first(series: NDArray[Any], layout: Layout | None, where: str) -> NDArray[Any]:
    """Convert series to ``(N, C, L)``.

    Raises:
        BadInput: the shape does not decide which axis has the channels, or the layout is one of images.
    """
    if layout is None:
        layout = _guess_series(series.shape, where)
    _check_axes(series, layout, ("ncl", "nlc"), where)
    return series if layout == "ncl" else series.transpose(0, 2, 1)


def images_to_channels_first(images: NDArray[Any], layout: Layout | None, where: str) -> NDArray[Any]:
    """Convert images of any number of bands to ``(N, C, H, W)``.

    Raises:
        BadInput: the shape does not decide which axis has the channels, or the layout does not fit it.
    """
    if layout is None:
        layout = _guess_images(images.shape, where)
    _check_axes(images, layout, ("nchw", "nhwc", "nhw"), where)
    if layout == "nhw":
        return images[:, None]
    return images if layout == "nchw" else images.transpose(0, 3, 1, 2)


def _guess_series(shape: tuple[int, ...], where: str) -> Layout:
    """The layout where channels are few beside the steps in time, as they nearly always are."""
    first, last = shape[1:]
    if first == 1 or (first <= FEW and last >= MANY * first):
        return "ncl"
    if last == 1 or (last <= FEW and first >= MANY * last):
        return "nlc"
    raise BadInput(
        f"{where} has shape {shape}, of which either axis could be the channels of a series: set layout: ncl for "
        f"{first} channels of {last} steps, or layout: nlc for {last} channels of {first} steps"
    )


def _guess_images(shape: tuple[int, ...], where: str) -> Layout:
    first, last = shape[1] in COLOURS, shape[-1] in COLOURS
    if len(shape) == 3:
        if not first and not last:
            return "nhw"
    else:
        # Other counts of bands than one or three are identified by equal sides: (N, 5, 64, 64), (N, 64, 64, 5).
        first, last = first or shape[2] == shape[3], last or shape[1] == shape[2]
        if first != last:
            return "nchw" if first else "nhwc"
        if not first:
            raise BadInput(
                f"{where} has shape {shape}: neither its second nor its last size is 1 or 3: save grey or RGB images, "
                "or set layout: nchw for bands first, layout: nhwc for bands last"
            )
    raise BadInput(
        f"{where} has shape {shape}, in which the channels could be at either end or missing: set layout: nchw, nhwc "
        "or nhw (grey images without channels)" + ("; of series, ncl or nlc" if len(shape) == 3 else "")
    )


def _check_axes(array: NDArray[Any], layout: Layout, fitting: tuple[Layout, ...], where: str) -> None:
    assert layout in get_args(Layout)
    if layout not in fitting or len(layout) != array.ndim:
        right = " or ".join(name for name in fitting if len(name) == array.ndim)
        raise BadInput(
            f"{where} has shape {array.shape} and type {array.dtype}, which layout: {layout} does not fit: set layout: "
            f"{right}, or leave it out"
        )
