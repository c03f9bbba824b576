"""The job that builds an image with Packer and starts the canary job with it."""

from __future__ import annotations

from importlib.resources import files

from vmss_jenkins.config import Config, ScaleSetConfig
from vmss_jenkins.config.parts import Jenkins
from vmss_jenkins.pipelines.commands import IMAGE_FILE, NEXT
from vmss_jenkins.pipelines.model import (
    DATA,
    RESULTS,
    VERSION,
    Agent,
    Field,
    HandOver,
    Kind,
    Parameter,
    Pipeline,
    Stage,
    Title,
    description_of,
)

TEMPLATE = "image.pkr.hcl"
INSTALL = "apt-get update\napt-get dist-upgrade -y\napt-get install -y nginx\n"
"""What the base image of the blog post has; its updated image changes the page too."""
_SCRIPT = """set -eu
rm -rf {results}
mkdir -p {data}
packer version > {version}
cat > {data}/image.pkr.hcl <<'PACKER'
{template}PACKER
printf '%s\\n' "$SCRIPT" > {data}/install.sh
name=${{IMAGE_NAME:-$VMSS_NAME-$BUILD_NUMBER}}
export PKR_VAR_client_id="${{AZURE_CLIENT_ID:-}}" PKR_VAR_client_secret="${{AZURE_CLIENT_SECRET:-}}"
export PKR_VAR_tenant_id="${{AZURE_TENANT_ID:-}}" PKR_VAR_subscription_id="$AZURE_SUBSCRIPTION_ID"
export PKR_VAR_resource_group="$RESOURCE_GROUP" PKR_VAR_location="$LOCATION" PKR_VAR_image_name="$name"
export PKR_VAR_script={data}/install.sh PKR_VAR_gallery="$GALLERY" PKR_VAR_gallery_version="$GALLERY_VERSION"
packer validate {data}/image.pkr.hcl
packer build -color=false {data}/image.pkr.hcl
group="/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$RESOURCE_GROUP/providers/Microsoft.Compute"
if [ -n "$GALLERY" ]; then
    image="$group/galleries/${{GALLERY%%/*}}/images/${{GALLERY#*/}}/versions/$GALLERY_VERSION"
else
    image="$group/images/$name"
fi
printf '%s\\n' "$image" > {image}
cp {image} {next}"""


def template() -> str:
    """Return the Packer template; all values in it are variables."""
    return (files("vmss_jenkins.pipelines") / "templates" / TEMPLATE).read_text(encoding="utf-8")


def image_pipelines_of(config: Config, source: str) -> tuple[Pipeline, ...]:
    """Return the image jobs of all sets of a file whose release is an image, in its order."""
    return tuple(_pipeline(config.jenkins, one, source) for one in config.sets if one.releases_images)


def _pipeline(jenkins: Jenkins, own: ScaleSetConfig, source: str) -> Pipeline:
    what = "Builds an image with Packer, and starts the canary job with it."
    canary = "/".join(["", *filter(None, [jenkins.folder, f"{own.base_name}-{Kind.CANARY.value}"])])
    script = _SCRIPT.format(
        results=RESULTS, data=DATA, version=VERSION, template=template(), image=IMAGE_FILE, next=NEXT
    )
    return Pipeline(
        kind=Kind.IMAGE,
        name=f"{own.base_name}-{Kind.IMAGE.value}",
        folder=jenkins.folder,
        summary=what,
        description=description_of(own.description, what, source, html=jenkins.safe_html),
        source=source,
        html=jenkins.safe_html,
        parameters=_parameters(own),
        stages=(Stage("Build Image", script, writes_description=True, writes_image=True),),
        agent=Agent.of(jenkins),
        credentials=jenkins.credentials,
        timeouts=own.timeouts,
        keep_builds=jenkins.keep_builds,
        title=Title(("IMAGE_NAME",), before="image "),
        hand_over=HandOver(canary, "", ("RESOURCE_GROUP", "VMSS_NAME"), record=False, image=True),
    )


def _parameters(own: ScaleSetConfig) -> tuple[Parameter, ...]:
    return (
        Parameter(
            "RESOURCE_GROUP",
            own.resource_group or "",
            "Resource group of the scale set and of the image.",
            required=("RESOURCE_GROUP",),
        ),
        Parameter("VMSS_NAME", own.name, "Name of the scale set.", required=("VMSS_NAME",)),
        Parameter(
            "LOCATION",
            "",
            "Azure region of the image, such as westeurope: the region of the scale set.",
            required=("LOCATION",),
        ),
        Parameter("SCRIPT", INSTALL, "Script that root runs to install the service.", Field.TEXT, required=("SCRIPT",)),
        Parameter("IMAGE_NAME", "", "Name of the managed image. Empty: the scale set's name and the build number."),
        Parameter("GALLERY", "", "GALLERY/DEFINITION, for an image version in a gallery. Empty: a managed image."),
        Parameter("GALLERY_VERSION", "1.0.0", "The image version, if GALLERY is given."),
    )
