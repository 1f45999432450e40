"""What hardware can do: facts with their sources."""

from danlu.compute.catalogue.cluster import Cluster
from danlu.compute.catalogue.cpu import ISAS, Isa, cpu
from danlu.compute.catalogue.device import PRECISIONS, Device, Precision, Price
from danlu.compute.catalogue.names import CATALOGUE, find

__all__ = ["CATALOGUE", "ISAS", "PRECISIONS", "Cluster", "Device", "Isa", "Precision", "Price", "cpu", "find"]
