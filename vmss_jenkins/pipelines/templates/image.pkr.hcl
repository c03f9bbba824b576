# Builds an image with the service of a scale set, with Packer's azure-arm builder. Its variables are PKR_VAR_NAME in the
# environment.
# Packer 1.7 and later needs the plugin once: packer plugins install github.com/hashicorp/azure

variable "client_id" {
  type    = string
  default = ""
}

variable "client_secret" {
  type      = string
  default   = ""
  sensitive = true
}

variable "tenant_id" {
  type    = string
  default = ""
}

variable "subscription_id" {
  type = string
}

variable "resource_group" {
  type = string
}

variable "location" {
  type = string
}

variable "image_name" {
  type = string
}

variable "script" {
  type        = string
  description = "Path of the script that root runs to install the service."
}

variable "vm_size" {
  type    = string
  default = "Standard_B2s"
}

# Ubuntu 24.04 LTS, as Canonical names it in Azure.
variable "image_publisher" {
  type    = string
  default = "Canonical"
}

variable "image_offer" {
  type    = string
  default = "ubuntu-24_04-lts"
}

variable "image_sku" {
  type    = string
  default = "server"
}

# If these two are given, the image also becomes a version in a Shared Image Gallery.
variable "gallery" {
  type    = string
  default = ""
}

variable "gallery_version" {
  type    = string
  default = "1.0.0"
}

source "azure-arm" "image" {
  client_id       = var.client_id
  client_secret   = var.client_secret
  tenant_id       = var.tenant_id
  subscription_id = var.subscription_id

  managed_image_name                = var.image_name
  managed_image_resource_group_name = var.resource_group
  location                          = var.location
  vm_size                           = var.vm_size

  os_type         = "Linux"
  image_publisher = var.image_publisher
  image_offer     = var.image_offer
  image_sku       = var.image_sku

  dynamic "shared_image_gallery_destination" {
    for_each = var.gallery == "" ? [] : [var.gallery]
    content {
      resource_group      = var.resource_group
      gallery_name        = split("/", shared_image_gallery_destination.value)[0]
      image_name          = split("/", shared_image_gallery_destination.value)[1]
      image_version       = var.gallery_version
      replication_regions = [var.location]
    }
  }
}

build {
  sources = ["source.azure-arm.image"]

  provisioner "shell" {
    execute_command = "chmod +x {{ .Path }}; {{ .Vars }} sudo -E sh '{{ .Path }}'"
    script          = var.script
  }

  # Azure wants a generalised image: without users, keys and the host name of this machine.
  provisioner "shell" {
    execute_command = "chmod +x {{ .Path }}; {{ .Vars }} sudo -E sh '{{ .Path }}'"
    inline          = ["/usr/sbin/waagent -force -deprovision+user && export HISTSIZE=0 && sync"]
    inline_shebang  = "/bin/sh -x"
  }
}
