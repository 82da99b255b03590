using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace DistributedSockets;

/// <summary>Bounds a number, with a message that names option, value and range; that of the platform's attribute leaves out the value.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class BetweenAttribute(long minimum, long maximum) : ValidationAttribute
{
    internal long Minimum => minimum;

    internal long Maximum => maximum;

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is int or long && Convert.ToInt64(value, CultureInfo.InvariantCulture) is var number && number >= minimum && number <= maximum
            ? ValidationResult.Success
            : new(string.Create(CultureInfo.InvariantCulture, $"{validationContext.MemberName} is {value}. Set it to between {minimum} and {maximum}."));
}
